# SPDX-License-Identifier: GPL-3.0-or-later
"""Every network by its name in the manifest."""

from __future__ import annotations

from typing import Any

from torch import nn

from bridge.errors import UsageError


def network_names() -> tuple[str, ...]:
    """Return the names that :func:`build_network` knows."""
    return tuple(_builders())


def build_network(name: str, **options: Any) -> nn.Module:
    """Build a network with fresh parameters; its state dict has the checkpoint's keys.

    Parameters
    ----------
    name : str
        Name in the manifest.
    **options
        What the network's class takes, such as ``size=256`` for ``stylegan``.

    Raises
    ------
    UsageError
        When there is no such network.
    """
    builders = _builders()
    if name not in builders:
        raise UsageError(f"no network '{name}': there are {', '.join(builders)}")
    network: nn.Module = builders[name](**options)
    return network


def _builders() -> dict[str, Any]:
    from heat_backend.styleheat import (
        calibration_net,
        deep3d,
        discriminator,
        e4e_encoder,
        hfgi_aligner,
        hfgi_encoder,
        ir_se50,
        stylegan,
        vgg19,
        warper,
    )

    return {
        "video_warper": warper.VideoWarper,
        "audio_warper": warper.AudioWarper,
        "calibrator": calibration_net.CalibrationNet,
        "stylegan": stylegan.Generator,
        "e4e_encoder": e4e_encoder.E4eEncoder,
        "e4e_latent_avg": e4e_encoder.LatentAverage,
        "hfgi_aligner": hfgi_aligner.Aligner,
        "hfgi_encoder": hfgi_encoder.ResidualEncoder,
        "deep3d_recon": deep3d.Deep3dRecon,
        "discriminator": discriminator.Discriminator,
        "vgg19": vgg19.Vgg19,
        "ir_se50": ir_se50.IrSe50,
    }
