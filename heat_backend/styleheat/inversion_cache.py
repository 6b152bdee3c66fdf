# SPDX-License-Identifier: GPL-3.0-or-later
"""Inversions kept on disk, by picture, weights and method: a portrait is inverted once."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bridge.whole_file import whole_file
from heat_backend.styleheat.hfgi import Inversion

KEPT = 32  # the newest; each takes about 25 MB
VERSION = 1
_SECONDS = "seconds"
_LONGEST = 1e6


def inversion_key(crop: NDArray[np.uint8], weights: str, method: str, edits: str = "") -> str:
    """Return what names an inversion.

    Parameters
    ----------
    crop : ndarray, shape (H, W, 3), uint8
        The aligned picture.
    weights : str
        Identity of the weight files.
    method : str
    edits : str
        What was done to the picture before, in words.
    """
    digest = hashlib.sha256(np.ascontiguousarray(crop).data)
    digest.update(repr((crop.shape, weights, method, VERSION)).encode())
    digest.update(edits.encode())
    return digest.hexdigest()[:32]


def read_inversion(folder: Path, key: str) -> Inversion | None:
    """Return a kept inversion, or None where there is none that can be trusted."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    place = _place(folder, key)
    try:
        found = load_file(place)
        place.touch()
        kept = Inversion(
            found["ix"],
            found["wplus"],
            found["fx"],
            (found["scale"], found["shift"]) if "scale" in found else None,
        )
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError):
        return None
    whole = kept.fx.shape[1:] == (512, 64, 64) and kept.wplus.shape[2:] == (512,)
    finite = all(bool(torch.isfinite(t).all()) for t in found.values())
    return kept if whole and finite else None


def seconds_taken(folder: Path, key: str) -> float | None:
    """Return how long a kept inversion took, None where that is not known."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(_place(folder, key), "np") as file:
            seconds = float((file.metadata() or {})[_SECONDS])
    except (SafetensorError, OSError, ValueError, KeyError):
        return None
    return seconds if 0.0 < seconds < _LONGEST else None


def keep_inversion(folder: Path, key: str, found: Inversion, seconds: float | None = None) -> None:
    """Keep an inversion, and how long it took; the oldest go.

    A folder that cannot be written only costs time.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {"ix": found.ix, "wplus": found.wplus, "fx": found.fx}
    if found.condition is not None:
        tensors |= {"scale": found.condition[0], "shift": found.condition[1]}
    place = _place(folder, key)
    with contextlib.suppress(OSError, SafetensorError):
        folder.mkdir(parents=True, exist_ok=True)
        flat = {n: t.detach().float().cpu().contiguous() for n, t in tensors.items()}
        with whole_file(place) as part:
            save_file(flat, part, None if seconds is None else {_SECONDS: f"{seconds:.3f}"})
        _forget_oldest(folder)


def _place(folder: Path, key: str) -> Path:
    return folder / f"inversion-{key}.safetensors"


def _forget_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("inversion-*.safetensors"), key=lambda p: p.stat().st_mtime)
    for old in kept[:-KEPT]:
        old.unlink(missing_ok=True)
