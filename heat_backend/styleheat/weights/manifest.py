# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of the published checkpoints: every network's keys, shapes and types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bridge.errors import BadInput

PATH = Path(__file__).with_name("manifest.json")


@dataclass(frozen=True)
class TensorLayout:
    """One entry of a state dict."""

    key: str
    shape: tuple[int, ...]
    dtype: str
    """``float32`` or ``int64``."""
    fill: tuple[Any, ...]
    """How the synthetic weights fill it: ``("normal" | "absnormal", scale, offset)`` or
    ``("const", value)``."""


@dataclass(frozen=True)
class NetworkLayout:
    """All entries of one network's state dict."""

    name: str
    prefix: str
    """Path of the network inside the whole StyleHEAT module, with its last dot."""
    tensors: tuple[TensorLayout, ...]


@dataclass(frozen=True)
class Manifest:
    """Every network, and how the public files hold them."""

    networks: dict[str, NetworkLayout]
    checkpoints: tuple[dict[str, Any], ...]

    def network(self, name: str) -> NetworkLayout:
        """Return one network's layout.

        Raises
        ------
        BadInput
            When the manifest does not describe it.
        """
        if name not in self.networks:
            raise BadInput(f"the manifest describes no network '{name}'")
        return self.networks[name]


@lru_cache(maxsize=2)
def load_manifest(path: Path = PATH) -> Manifest:
    """Read a manifest.

    Parameters
    ----------
    path : Path
        The project's own copy unless another is named.

    Raises
    ------
    BadInput
        When the file cannot be read as one.
    """
    try:
        raw = json.loads(path.read_text("utf-8"))
        networks = {
            name: NetworkLayout(
                name,
                net["prefix"],
                tuple(TensorLayout(k, tuple(s), d, tuple(f)) for k, s, d, f in net["tensors"]),
            )
            for name, net in raw["networks"].items()
        }
        return Manifest(networks, tuple(raw.get("checkpoints", ())))
    except OSError as error:
        raise BadInput(f"manifest {path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"manifest {path}: not a StyleHEAT manifest ({error})") from error
