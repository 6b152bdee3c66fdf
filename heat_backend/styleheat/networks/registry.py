# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds every network by its name in the manifest."""

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
    from heat_backend.styleheat.networks import (
        calibration,
        deep3d,
        encoders,
        losses,
        stylegan,
        warper,
    )

    return {
        "video_warper": warper.VideoWarper,
        "audio_warper": warper.AudioWarper,
        "calibrator": calibration.CalibrationNet,
        "stylegan": stylegan.Generator,
        "e4e_encoder": encoders.E4eEncoder,
        "e4e_latent_avg": encoders.LatentAverage,
        "hfgi_aligner": encoders.Aligner,
        "hfgi_encoder": encoders.ResidualEncoder,
        "deep3d_recon": deep3d.Deep3dRecon,
        "discriminator": losses.Discriminator,
        "vgg19": losses.Vgg19,
        "ir_se50": encoders.IrSe50,
    }
