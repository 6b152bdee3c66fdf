# SPDX-License-Identifier: GPL-3.0-or-later
"""Inverts crops by the networks of a folder, and finds those again that were inverted before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from heat_backend.styleheat import inversion
from heat_backend.styleheat.deep3d_crop import PICTURE_SIZE
from heat_backend.styleheat.hfgi import Inversion
from heat_backend.styleheat.inversion import Watch
from heat_backend.styleheat.inversion_cache import (
    inversion_key,
    keep_inversion,
    read_inversion,
    seconds_taken,
)
from heat_backend.styleheat.loaded import Networks
from heat_backend.styleheat.memory import give_back

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Inverting:
    """How portraits are inverted here.

    Attributes
    ----------
    networks : Networks
    cache : Path
        Where inversions are kept.
    method : str
        One of ``inversion.METHODS``.
    """

    networks: Networks
    cache: Path
    method: str

    def key(self, crop: Bytes, edits: str = "") -> str:
        """Return what names the inversion of a crop (1024, 1024, 3) under edits in words."""
        return inversion_key(crop, self.networks.inverting_identity, self.method, edits)

    def invert(self, crop: Bytes, key: str, watch: Watch) -> Inversion:
        """Invert a crop (1024, 1024, 3), unless it is at hand under ``key``."""
        kept = read_inversion(self.cache, key)
        if kept is not None:
            watch.step("the portrait's inversion is at hand", 1.0)
            return kept
        began = time.monotonic()
        watch.step("loading the encoders", 0.0)
        inverter = self.networks.inverter()
        small = as_tensor(reduced(crop), self.networks.device)
        if self.method == inversion.COARSE:
            found = inversion.coarse(inverter, small, watch)
        else:
            found = inversion.encode(inverter, small, watch)
        generator = inverter.generator
        del inverter
        if self.method == inversion.OPTIMIZE:
            target = as_tensor(crop, self.networks.device)
            found = inversion.optimize(generator, found, target, self.networks.judge(), watch)
        give_back()
        keep_inversion(self.cache, key, found, time.monotonic() - began)
        return found

    def seconds(self, key: str) -> float | None:
        """Return what the inversion kept under ``key`` took, None where that is not known."""
        return seconds_taken(self.cache, key)


def reduced(crop: Bytes) -> Bytes:
    """Bring the crop (1024, 1024, 3) to the 256 px that encoders and reconstruction look at."""
    picture = Image.fromarray(crop).resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def as_bytes(image: torch.Tensor) -> Bytes:
    """Turn a picture (1, 3, H, W), -1 to 1, into bytes (H, W, 3), rounded down as published."""
    whole = (image[0].detach().clamp(-1.0, 1.0) + 1.0) * 127.5
    return whole.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def as_tensor(picture: Bytes, device: str) -> torch.Tensor:
    """Turn bytes (H, W, 3) into (1, 3, H, W), -1 to 1."""
    placed = torch.from_numpy(np.array(picture)).to(device)
    return placed.permute(2, 0, 1)[None].float() / 127.5 - 1.0
