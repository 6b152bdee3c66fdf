# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the networks of a weights folder onto a device, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bridge.errors import BadInput
from heat_backend.styleheat.inversion.encoder import Inverter
from heat_backend.styleheat.inversion.methods import CodeStatistics, LossModels
from heat_backend.styleheat.networks.forward import StyleHeat
from heat_backend.styleheat.networks.registry import build_network
from heat_backend.styleheat.weights.catalogue import find_file
from heat_backend.styleheat.weights.folder import WeightsFolder
from heat_backend.styleheat.weights.load import CHECKPOINT_OF, files_fingerprint, load_network

STATISTICS = "ffhq_PCA.npz"
INVERSION_NETWORKS = ("stylegan", "e4e_encoder", "e4e_latent_avg", "hfgi_aligner", "hfgi_encoder")
SYNTHETIC_MARK = "synthetic-weights.txt"
"""A file of this name in the folder says that the weights are made up, for a test."""


class Networks:
    """Loads networks of one folder onto one device; those that drive are kept.

    Parameters
    ----------
    folder : WeightsFolder
    device : str
        ``"cpu"`` or ``"cuda"``.
    cache : Path, optional
        Folder of the cached weights; the user's own unless given.
    """

    def __init__(self, folder: WeightsFolder, device: str, cache: Path | None = None) -> None:
        self.folder = folder
        self.device = device
        self._cache = cache
        self._driving: StyleHeat | None = None
        self._decoder: Inverter | None = None

    @property
    def synthetic(self) -> bool:
        """Whether the weights are made up."""
        return (self.folder.path / SYNTHETIC_MARK).is_file()

    @property
    def inversion_fingerprint(self) -> str:
        """What changes whenever a file does that an inversion depends on."""
        places = {CHECKPOINT_OF[name] for name in INVERSION_NETWORKS} | {
            CHECKPOINT_OF["video_warper"],
            STATISTICS,
        }
        return files_fingerprint(tuple(self.folder.path / place for place in sorted(places)))

    def module(self, name: str) -> Any:
        """Load one network, in eval mode and without gradients.

        Raises
        ------
        MissingHere, BadInput
            As :func:`heat_backend.styleheat.weights.load.load_network` has it.
        """
        weights = load_network(name, self.folder, self._cache)
        with torch.device("meta"):
            network = build_network(name)
        network.load_state_dict(weights, strict=True, assign=True)
        return network.to(self.device).eval().requires_grad_(False)

    def driving(self) -> StyleHeat:
        """Return the networks that every frame needs."""
        if self._driving is None:
            names = ("stylegan", "video_warper", "calibrator")
            self._driving = StyleHeat(*(self.module(name) for name in names))
        return self._driving

    def inverter(self) -> Inverter:
        """Load the encoders, over a gigabyte; they should not outlive the inversion."""
        encoders = (self.module(name) for name in INVERSION_NETWORKS[1:])
        return Inverter(self.driving().generator, *encoders)

    def decoder(self) -> Inverter:
        """Return an inverter that can decode only: its large encoder is an empty shell."""
        if self._decoder is None:
            with torch.device("meta"):
                shells: list[Any] = [build_network(name) for name in INVERSION_NETWORKS[1:3]]
            details: list[Any] = [self.module(name) for name in INVERSION_NETWORKS[3:]]
            self._decoder = Inverter(self.driving().generator, *shells, *details)
        return self._decoder

    def loss_models(self) -> LossModels:
        """Load what the optimised inversion needs besides.

        Raises
        ------
        MissingHere
            When its files are not there.
        BadInput
            When they are damaged.
        """
        self.folder.require((find_file("vgg19"), find_file(STATISTICS)))
        statistics = read_statistics(self.folder.path / STATISTICS)
        on_device = CodeStatistics(
            statistics.mean.to(self.device),
            statistics.components.to(self.device),
            statistics.deviations.to(self.device),
        )
        return LossModels(self.module("vgg19"), on_device)


def read_statistics(path: Path) -> CodeStatistics:
    """Read the principal components of the generator's codes.

    Raises
    ------
    BadInput
        When the file is damaged or holds something else.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as data:
            mean, components, deviations = (
                torch.from_numpy(np.asarray(data[name], np.float32))
                for name in ("X_mean", "X_comp", "X_stdev")
            )
        statistics = CodeStatistics(
            mean.reshape(512), components.reshape(-1, 512), deviations.reshape(-1)
        )
    except Exception as error:  # numpy's reader fails in many ways on damaged files
        raise BadInput(
            f"{path.name} cannot be read ({type(error).__name__}): run `heat weights fetch`"
        ) from error
    tensors = (statistics.mean, statistics.components, statistics.deviations)
    whole = len(statistics.deviations) == len(statistics.components)
    if not whole or not all(bool(torch.isfinite(t).all()) for t in tensors):
        raise BadInput(f"{path.name} is damaged: run `heat weights fetch`")
    return statistics
