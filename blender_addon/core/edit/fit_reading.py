# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the file that `heat fit` wrote. No bpy here."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import bridge

FORMAT, VERSION = "heat-fit", 1
_AGAIN = "fit the face again"


@dataclass(frozen=True, eq=False)
class FittedHead:
    """What a scene needs of a fit; see `heat fit`.

    Attributes
    ----------
    vertices : (V, 3) float32
        As photographed, the face model's axes and unit.
    shapes : (52, V, 3) float32
    uv : (V, 2) float32
    seen : (V,) float32
        How much the photo shows of a vertex.
    colour : (V, 3) uint8
        sRGB, for what it does not show.
    photo, texture : (H, W, 3) uint8
        sRGB, rows from the top: as it is, and with its light taken away.
    """

    vertices: NDArray[np.float32]
    shapes: NDArray[np.float32]
    uv: NDArray[np.float32]
    seen: NDArray[np.float32]
    colour: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    texture: NDArray[np.uint8]


def read(path: Path) -> FittedHead:
    """Read and check a fit.

    Raises
    ------
    BadInput
        It is none, or of another version.
    """
    with _opened(path) as data:
        count = len(bridge.face_model.load().vertices)
        found = FittedHead(
            _table(data, "vertices", (count, 3)),
            _table(data, "shapes", (52, count, 3)),
            _table(data, "uv", (count, 2)),
            _table(data, "seen", (count,)),
            data["colour"],
            data["photo"],
            data["texture"],
        )
    pictures = (found.photo, found.texture)
    if found.colour.shape != (count, 3) or any(p.ndim != 3 or p.shape[2] != 3 for p in pictures):
        raise bridge.errors.BadInput(f"{path.name} holds no fit of a face: {_AGAIN}")
    return found


def read_light(path: Path) -> NDArray[np.float32]:
    """Read the direction (3,) toward the photo's light, in the picture's axes.

    Raises
    ------
    BadInput
        As `read`.
    """
    with _opened(path) as data:
        return _table(data, "light_direction", (3,))


@contextmanager
def _opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Open a fit of this version; what is wrong with its fields is told as BadInput."""
    try:
        with np.load(path, allow_pickle=False) as data:
            if str(data["format"]) != FORMAT or int(data["version"]) != VERSION:
                raise bridge.errors.BadInput(f"{path.name} is no fit of this version: {_AGAIN}")
            yield data
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise bridge.errors.BadInput(f"{path.name} cannot be read ({error}): {_AGAIN}") from error


def _table(data: np.lib.npyio.NpzFile, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = np.asarray(data[name], np.float32)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(f"{name} has the shape {found.shape}, not {shape}")
    return found
