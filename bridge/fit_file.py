# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``heat-fit`` file: the face model fitted to one photo, as one npz.

Written by ``heat fit``; Blender reads the head and the light's direction from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import face_model
from .errors import BadInput
from .npz_file import npz_bytes, read_npz

FORMAT, VERSION = "heat-fit", 1
FIELDS = (
    "portrait", "size", "identity", "expression_names", "expression", "rotation", "camera_scale",
    "camera_center", "camera_distance", "vertices", "neutral", "residual", "triangles", "shapes",
    "uv", "seen", "colour", "part", "part_names", "photo", "texture", "light_harmonics",
    "light_direction", "light_strength", "light_ambient", "landmark_error", "landmark_residual",
)  # fmt: skip
MAX_UNPACKED = 2 << 30  # a fit holds the photo twice and some 20 MB of tables
_AGAIN = "fit the face again"


def to_bytes(fields: Mapping[str, NDArray]) -> bytes:
    """Return a fit as the bytes of its file; the same fit always gives the same bytes.

    Parameters
    ----------
    fields : mapping of str to ndarray
        All of ``FIELDS``. Lengths are in outer-eye distances of the neutral face, places in the
        photo in pixels, angles in radians. With V vertices:

        ``vertices`` (V, 3)
            The head as photographed, in its own axes, eyeballs turned to where they look.
        ``neutral`` (V, 3)
            The head without expression. Both carry ``residual`` (V, 3), the part of the landmarks
            that the model cannot express.
        ``shapes`` (52, V, 3), float16
            What each expression adds to ``vertices``.
        ``uv`` (V, 2)
            Lays ``photo``, or ``texture`` (the photo without its light), onto the vertices;
            ``seen`` (V,), 0..1, is how much of each vertex the photo shows, ``colour`` (V, 3) the
            colour for the rest.
        ``part`` (V,)
            Each vertex' index in ``part_names``.

    Raises
    ------
    ValueError
        A field is missing, or is none of the format's.
    """
    if set(fields) != set(FIELDS):
        raise ValueError(f"a fit's fields differ in {sorted(set(fields) ^ set(FIELDS))}")
    return npz_bytes({"format": np.array(FORMAT), "version": np.array(VERSION), **fields})


@dataclass(frozen=True, eq=False)
class FittedHead:
    """The part of a fit that a Blender scene needs.

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


def read_head(path: Path) -> FittedHead:
    """Read the head of a fit and check it.

    Raises
    ------
    BadInput
        The file is no fit, or of another version.
    """
    with _opened(path) as data:
        count = len(face_model.load().vertices)
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
        raise BadInput(f"{path.name} holds no fit of a face: {_AGAIN}")
    return found


def read_light(path: Path) -> NDArray[np.float32]:
    """Read the direction (3,) toward the photo's light, in the picture's axes.

    Raises
    ------
    BadInput
        As `read_head`.
    """
    with _opened(path) as data:
        return _table(data, "light_direction", (3,))


@contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, NDArray]]:
    """Open a fit of this version; a fault of its fields is raised as BadInput."""
    try:
        data = read_npz(path, MAX_UNPACKED)
        if str(data["format"]) != FORMAT or int(data["version"]) != VERSION:
            raise BadInput(f"{path.name} is no fit of this version: {_AGAIN}")
        yield data
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path.name} cannot be read ({error}): {_AGAIN}") from error


def _table(data: Mapping[str, NDArray], name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = np.asarray(data[name], np.float32)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(f"{name} has the shape {found.shape}, not {shape}")
    return found
