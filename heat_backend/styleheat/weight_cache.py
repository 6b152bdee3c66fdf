# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded weights kept as safetensors: quick to read, nothing in them but numbers.

A cached network is known by the identity of the files that it was read from, and holds a checksum
of its own; one that does not fit is thrown away and made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from bridge.whole_file import whole_file
from heat_backend.styleheat.manifest import NetworkLayout

_FORM = "heat-weights-1"
_RESERVE = 2_000_000_000  # bytes that a cache leaves free on the disk


def cache_folder() -> Path:
    """Return where the user's caches go, by the habit of the system."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        return base / "heat" / "cache" / "weights"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "heat" / "weights"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "heat" / "weights"


def identity(files: tuple[Path, ...]) -> str:
    """Return what changes whenever one of some files does: places, sizes and times."""
    rows = []
    for path in files:
        try:
            stat = path.stat()
            rows.append([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
        except OSError:
            rows.append([str(path.resolve()), -1, 0])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def cache_path(layout: NetworkLayout, files: tuple[Path, ...], folder: Path) -> Path:
    """Return where a network's weights from some files are cached."""
    places = hashlib.sha256("\n".join(str(p.resolve()) for p in files).encode()).hexdigest()[:12]
    return folder / f"{layout.name}-{places}-{identity(files)[:24]}.safetensors"


def read(path: Path, layout: NetworkLayout) -> dict[str, Tensor] | None:
    """Return cached weights, or None where there are none that can be trusted."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as cached:
            told = cached.metadata() or {}
            weights = {tensor.key: cached.get_tensor(tensor.key) for tensor in layout.tensors}
    except (SafetensorError, OSError, ValueError, RuntimeError):
        _reject(path)
        return None
    sound = told.get("form") == _FORM and told.get("crc32") == _checksum(weights)
    if not sound or any(tuple(weights[t.key].shape) != t.shape for t in layout.tensors):
        _reject(path)
        return None
    return weights


def write(path: Path, weights: Mapping[str, Tensor]) -> bool:
    """Keep weights; older ones from the same files go. False where there is no room for them."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        needed = sum(tensor.nbytes for tensor in weights.values()) + _RESERVE
        if shutil.disk_usage(path.parent).free < needed:
            return False
        for old in path.parent.glob(path.name.rpartition("-")[0] + "-*.safetensors"):
            old.unlink(missing_ok=True)
        with whole_file(path) as part:
            save_file(dict(weights), part, {"form": _FORM, "crc32": _checksum(weights)})
    except (OSError, SafetensorError):  # a full disk must not keep anyone from rendering
        return False
    return True


def _checksum(weights: Mapping[str, Tensor]) -> str:
    sum_ = 0
    for key in sorted(weights):
        flat = weights[key].detach().contiguous().reshape(-1).view(torch.uint8)
        sum_ = zlib.crc32(flat.numpy().data, zlib.crc32(key.encode(), sum_))
    return f"{sum_:08x}"


def _reject(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
