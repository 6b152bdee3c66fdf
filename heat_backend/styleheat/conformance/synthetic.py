# SPDX-License-Identifier: GPL-3.0-or-later
"""Deterministic weights and inputs from seeds, networks filled with them, checksums of outputs.

Every array has a seed and a full name; both choose a Philox stream, one draw fills the array in
C order in float64, and the result is rounded once. So two programs that never met agree on
hundreds of megabytes of weights, and the outputs of the networks can be compared by number.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heat_backend.styleheat.networks.registry import build_network
from heat_backend.styleheat.weights.manifest import Manifest, NetworkLayout, TensorLayout


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one array."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def weight(seed: int, prefix: str, layout: TensorLayout) -> NDArray[Any]:
    """Make one entry of a state dict.

    Parameters
    ----------
    seed : int
        Seed of the case.
    prefix : str
        Prefix of its network.
    layout : TensorLayout
        Key, shape, type and fill rule.
    """
    kind, *rule = layout.fill
    if kind == "const":
        return np.array(np.broadcast_to(np.asarray(rule[0], layout.dtype), layout.shape))
    values = stream(seed, prefix + layout.key).standard_normal(layout.shape)
    if kind == "absnormal":
        values = np.abs(values)
    scale, offset = rule
    return np.asarray(offset + scale * values, dtype=layout.dtype)


def state_dict(
    network: NetworkLayout, seed: int, keys: Collection[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Make a network's weights, keys as in its checkpoint.

    Parameters
    ----------
    network : NetworkLayout
        From the manifest.
    seed : int
        Seed of the case.
    keys : collection of str, optional
        Only these; all unless given.
    """
    wanted = [t for t in network.tensors if keys is None or t.key in keys]
    # The draws release the interpreter's lock, so threads do help.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        arrays = pool.map(lambda t: weight(seed, network.prefix, t), wanted)
        return {t.key: array for t, array in zip(wanted, arrays, strict=True)}


def case_input(seed: int, case: str, name: str, spec: Mapping[str, Any]) -> NDArray[Any]:
    """Make one input of a case.

    Parameters
    ----------
    seed : int
        Seed of the case.
    case : str
        Case that the input belongs to; a spec may name another with ``from``.
    name : str
        Name of the input.
    spec : mapping
        ``kind`` (normal, uniform, smooth, const), ``shape`` and what the kind needs.

    Returns
    -------
    ndarray
        float32, or uint8 (rounded down) where the spec asks for it.
    """
    kind, shape = spec["kind"], tuple(spec["shape"])
    full = f"input:{spec.get('from', case)}:{name}"
    scale, offset = spec.get("scale", 1.0), spec.get("offset", 0.0)
    if kind == "normal":
        values = offset + scale * stream(seed, full).standard_normal(shape)
    elif kind == "uniform":
        low, high = spec["low"], spec["high"]
        values = low + (high - low) * stream(seed, full).random(shape)
    elif kind == "smooth":
        values = offset + scale * _zoomed_noise(seed, full, shape, spec["coarse"])
        if spec.get("clip"):
            values = np.clip(values, *spec["clip"])
    elif kind == "const":
        values = np.broadcast_to(np.asarray(spec["value"], np.float64), shape)
    else:
        raise ValueError(f"unknown kind of input '{kind}'")
    if spec.get("dtype") == "uint8":
        return np.floor(values).astype(np.uint8)
    return np.ascontiguousarray(values, dtype=np.float32)


def _zoomed_noise(seed: int, name: str, shape: tuple[int, ...], coarse: int) -> NDArray[np.float64]:
    """Noise on a coarse grid over the last two axes, zoomed linearly with its corners kept."""
    field = stream(seed, name).standard_normal((*shape[:-2], coarse, coarse))
    for axis, size in ((-2, shape[-2]), (-1, shape[-1])):
        position = np.arange(size, dtype=np.float64) * (coarse - 1) / (size - 1)
        below = np.minimum(np.floor(position).astype(np.int64), coarse - 2)
        part = position - below
        if axis == -2:
            part = part[:, None]
        first, second = np.take(field, below, axis), np.take(field, below + 1, axis)
        field = first * (1 - part) + second * part
    return field


def projection(seed: int, case: str, name: str, index: int, values: NDArray[Any]) -> float:
    """Project a whole output onto a random direction: a checksum that every element enters."""
    direction = stream(seed, f"proj:{case}:{name}:{index}").standard_normal(values.size)
    flat = np.asarray(values, dtype=np.float64).ravel()
    return float(np.dot(flat, direction) / np.sqrt(values.size))


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
            made = state_dict(self.manifest.network(name), self.seed)
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
