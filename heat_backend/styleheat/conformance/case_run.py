# SPDX-License-Identifier: GPL-3.0-or-later
"""What a case's function works with: its inputs, and networks filled with its seed's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heat_backend.styleheat.conformance import synthetic
from heat_backend.styleheat.networks.registry import build_network
from heat_backend.styleheat.weights.manifest import Manifest

Outputs = Mapping[str, Tensor | NDArray[Any]]


@dataclass
class SyntheticNetworks:
    """Networks with the weights of one seed, each made once."""

    manifest: Manifest
    seed: int
    device: torch.device
    _tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    _built: dict[tuple[str, tuple[tuple[str, Any], ...]], nn.Module] = field(default_factory=dict)

    def get(self, name: str, **options: Any) -> nn.Module:
        """Return a network in eval mode, its parameters frozen.

        Parameters
        ----------
        name : str
            Name in the manifest.
        **options
            For :func:`build_network`; a smaller network takes the subset of the keys it has.
        """
        key = (name, tuple(sorted(options.items())))
        if key not in self._built:
            with torch.device("meta"):
                network = build_network(name, **options)
            weights = self._weights(name)
            if options:
                weights = {k: v for k, v in weights.items() if k in network.state_dict()}
            network.load_state_dict(weights, strict=True, assign=True)
            self._built[key] = network.eval().requires_grad_(False)
        return self._built[key]

    def keep_only(self, names: tuple[str, ...]) -> None:
        """Let go of the networks that are not named."""
        self._tensors = {k: v for k, v in self._tensors.items() if k in names}
        self._built = {k: v for k, v in self._built.items() if k[0] in names}

    def _weights(self, name: str) -> dict[str, Tensor]:
        if name not in self._tensors:
            made = synthetic.state_dict(self.manifest.network(name), self.seed)
            self._tensors[name] = {k: torch.from_numpy(v).to(self.device) for k, v in made.items()}
        return self._tensors[name]


@dataclass(frozen=True)
class CaseRun:
    """One run of one case."""

    arrays: Mapping[str, NDArray[Any]]
    networks: SyntheticNetworks

    def tensor(self, name: str) -> Tensor:
        """Return an input on the device."""
        return torch.from_numpy(np.array(self.arrays[name])).to(self.networks.device)

    def network(self, name: str, **options: Any) -> Any:
        """Return a network with the case's weights (its class is the one of ``name``)."""
        return self.networks.get(name, **options)


CaseFunction = Callable[[CaseRun], Outputs]
