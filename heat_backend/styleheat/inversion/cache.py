# SPDX-License-Identifier: GPL-3.0-or-later
"""Inverts a portrait, and keeps inversions on disk by picture, weights, method and edits.

Also the conversions between uint8 pictures (H, W, 3) and tensors (1, 3, H, W) from -1 to 1.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bridge.whole_file import whole_file
from heat_backend.storage.kept_data import make_private_folder
from heat_backend.styleheat.crops.deep3d import PICTURE_SIZE
from heat_backend.styleheat.inversion import methods
from heat_backend.styleheat.inversion.kept_inversions import PORTRAIT, kept_inversions
from heat_backend.styleheat.inversion.loaded import Networks
from heat_backend.styleheat.inversion.methods import InversionMonitor
from heat_backend.styleheat.networks.device_memory import release_freed_memory
from heat_backend.styleheat.networks.forward import Inversion

Bytes = NDArray[np.uint8]

MAX_CACHED = 32  # newest inversions, about 25 MB each: under 1 GB of disk
KEEP_DAYS = 90.0  # unused; a portrait of a finished job is nobody's business for longer
VERSION = 1  # part of the key: raise it when inversions change
_SECONDS = "seconds"
_MAX_SECONDS = 1e6  # more is a damaged entry: no inversion takes days


def inversion_key(crop: NDArray[np.uint8], weights: str, method: str, edits: str = "") -> str:
    """Return the cache key of an inversion.

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
    """Read a cached inversion; None where it is absent, damaged or not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = _path(folder, key)
    try:
        found = load_file(path)
        path.touch()
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


def cached_seconds(folder: Path, key: str) -> float | None:
    """Return the seconds that a cached inversion took; None where unknown."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(_path(folder, key), "np") as file:
            seconds = float((file.metadata() or {})[_SECONDS])
    except (SafetensorError, OSError, ValueError, KeyError):
        return None
    return seconds if 0.0 < seconds < _MAX_SECONDS else None


def save_inversion(
    folder: Path,
    key: str,
    found: Inversion,
    seconds: float | None = None,
    portrait: str = "",
) -> None:
    """Write an inversion to the cache, and evict the oldest.

    A folder that cannot be written only costs time.

    Parameters
    ----------
    folder : Path
    key : str
    found : Inversion
    seconds : float, optional
        What it took.
    portrait : str
        ``Photo.digest`` of the photo, by which its user may have it removed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {"ix": found.ix, "wplus": found.wplus, "fx": found.fx}
    if found.condition is not None:
        tensors |= {"scale": found.condition[0], "shift": found.condition[1]}
    path = _path(folder, key)
    with contextlib.suppress(OSError, SafetensorError):
        make_private_folder(folder)
        flat = {n: t.detach().float().cpu().contiguous() for n, t in tensors.items()}
        with whole_file(path) as part:
            noted = {PORTRAIT: portrait}
            if seconds is not None:
                noted[_SECONDS] = f"{seconds:.3f}"
            save_file(flat, part, noted)
            part.chmod(0o600)
        _evict_oldest(folder)


def _path(folder: Path, key: str) -> Path:
    return folder / f"inversion-{key}.safetensors"


def _evict_oldest(folder: Path) -> None:
    kept = sorted(kept_inversions(folder), key=lambda one: one.days)
    for number, one in enumerate(kept):
        if number >= MAX_CACHED or one.days > KEEP_DAYS:
            one.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class PortraitInverter:
    """Inverts portraits by one method, with a cache on disk.

    Attributes
    ----------
    networks : Networks
    cache : Path
        Folder of cached inversions.
    method : str
        One of ``methods.METHODS``.
    portrait : str
        ``Photo.digest`` of the photo.
    """

    networks: Networks
    cache: Path
    method: str
    portrait: str = ""

    def key(self, crop: Bytes, edits: str = "") -> str:
        """Return the cache key of a crop (1024, 1024, 3) under edits, described in words."""
        return inversion_key(crop, self.networks.inversion_fingerprint, self.method, edits)

    def invert(self, crop: Bytes, key: str, monitor: InversionMonitor) -> Inversion:
        """Invert a crop (1024, 1024, 3), or read its inversion from the cache under ``key``."""
        kept = read_inversion(self.cache, key)
        if kept is not None:
            monitor.step("the portrait's inversion is at hand", 1.0)
            return kept
        start = time.monotonic()
        monitor.step("loading the encoders", 0.0)
        inverter = self.networks.inverter()
        image_256 = uint8_to_image(resized_to_256(crop), self.networks.device)
        if self.method == methods.COARSE:
            found = methods.coarse(inverter, image_256, monitor)
        else:
            found = methods.encode(inverter, image_256, monitor)
        generator = inverter.generator
        del inverter
        if self.method == methods.OPTIMIZE:
            target = uint8_to_image(crop, self.networks.device)
            found = methods.optimize(generator, found, target, self.networks.loss_models(), monitor)
        release_freed_memory()
        save_inversion(self.cache, key, found, time.monotonic() - start, self.portrait)
        return found

    def seconds(self, key: str) -> float | None:
        """Return the seconds that the inversion cached under ``key`` took; None where unknown."""
        return cached_seconds(self.cache, key)


def resized_to_256(crop: Bytes) -> Bytes:
    """Bring the crop (1024, 1024, 3) to the 256 px that encoders and reconstruction look at."""
    picture = Image.fromarray(crop).resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def image_to_uint8(image: torch.Tensor) -> Bytes:
    """Turn a picture (1, 3, H, W), -1 to 1, into bytes (H, W, 3), rounded down as published."""
    whole = (image[0].detach().clamp(-1.0, 1.0) + 1.0) * 127.5
    return whole.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def uint8_to_image(picture: Bytes, device: str) -> torch.Tensor:
    """Turn bytes (H, W, 3) into (1, 3, H, W), -1 to 1."""
    placed = torch.from_numpy(np.array(picture)).to(device)
    return placed.permute(2, 0, 1)[None].float() / 127.5 - 1.0
