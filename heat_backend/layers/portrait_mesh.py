# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh that moves the photo: the face's own triangles in front of a relief sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, SKIN_PARTS, FaceModel
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.head_sheet import BEHIND_FACE, Sheet, head_sheet
from heat_backend.raster import FAR, raster_attributes

# A triangle seen at a flatter angle than this at rest has no usable texture in the photo.
LEAST_FACING = 0.12
OCCLUSION_SLACK = 0.06  # outer-eye distances


@dataclass(frozen=True)
class Opening:
    """A hole of the face: the mouth or an eye.

    Attributes
    ----------
    upper, lower : ndarray of int
        Mesh vertices of its border, both from image left to image right, corners included.
    """

    upper: NDArray[np.intp]
    lower: NDArray[np.intp]

    @property
    def loop(self) -> NDArray[np.intp]:
        """Border as one closed polygon."""
        return np.concatenate([self.upper, self.lower[-2:0:-1]])


@dataclass(frozen=True)
class PortraitMesh:
    """All that moves with the head, except what is behind its openings.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float32
        Vertices about the head's pivot in the picture's axes, model units.
    deltas : ndarray, shape (52, N, 3), float32
        What each expression adds, same axes.
    follow : ndarray, shape (N,), float32
        How much of the head's pose a vertex takes, 0..1.
    pixels : ndarray, shape (N, 2), float32
        Where in the photo a vertex finds its colour.
    bias : ndarray, shape (N,), float32
        Added to the depth: the sheet stays behind the face.
    triangles : ndarray, shape (T, 3), int32
    mouth, eye_left, eye_right : Opening
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    follow: NDArray[np.float32]
    pixels: NDArray[np.float32]
    bias: NDArray[np.float32]
    triangles: NDArray[np.int32]
    mouth: Opening
    eye_left: Opening
    eye_right: Opening


def build_portrait_mesh(
    model: FaceModel,
    posed: PosedModel,
    alpha: NDArray[np.float32],
    chin: NDArray[np.floating],
    pad: int,
) -> PortraitMesh:
    """Put face and sheet together. See :func:`head_sheet` for the parameters."""
    skin = model.triangles[_triangles_of(model, *SKIN_PARTS)]
    sheet = head_sheet(posed, skin, alpha, chin, pad)
    face = model.triangles[_triangles_of(model, "face")]
    face = face[_seen(posed, face, skin)]
    kept = np.union1d(
        np.unique(face), np.concatenate([model.lip_inner, model.lid_left, model.lid_right])
    )
    place = np.full(len(model.vertices), -1)
    place[kept] = np.arange(len(kept))
    count = len(kept)
    return PortraitMesh(
        rest=_stack(posed.rest[kept], sheet.rest),
        deltas=np.ascontiguousarray(
            np.concatenate([posed.deltas[:, kept], sheet.deltas], axis=1), np.float32
        ),
        follow=_stack(_face_follow(posed, kept, sheet), sheet.follow),
        pixels=_stack(posed.pixels[kept], sheet.pixels),
        bias=_stack(np.zeros(count), np.full(len(sheet.rest), -BEHIND_FACE)),
        triangles=np.concatenate([place[face], sheet.triangles + count]).astype(np.int32),
        mouth=_opening(place[model.lip_inner], model.lip_upper_count, posed.pixels[kept]),
        eye_left=_opening(place[model.lid_left], model.lid_upper_count, posed.pixels[kept]),
        eye_right=_opening(place[model.lid_right], model.lid_upper_count, posed.pixels[kept]),
    )


def _stack(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.concatenate([a, b]), np.float32)


def _triangles_of(model: FaceModel, *names: str) -> NDArray[np.bool_]:
    return np.isin(model.triangle_part, [PART_NAMES.index(name) for name in names])


def _seen(
    posed: PosedModel, face: NDArray[np.int32], skin: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which triangles the photo shows: turned to the camera and with nothing before them."""
    corners = posed.rest[face]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    facing = normal[:, 2] > LEAST_FACING
    cell = posed.unit / 40.0
    low = posed.pixels.min(axis=0)
    size = np.ceil(np.ptp(posed.pixels, axis=0) / cell).astype(int) + 2
    nearest = np.full((size[1], size[0]), FAR, np.float32)
    points = ((posed.pixels - low) / cell).astype(np.float32)
    z = posed.rest[:, 2].astype(np.float32)
    scratch = np.zeros((size[1], size[0], 1), np.float32)
    raster_attributes(points, z, z[:, None], skin, scratch, nearest)
    at = np.rint(points[face].mean(axis=1)).astype(int)
    hidden = nearest[at[:, 1], at[:, 0]] > z[face].mean(axis=1) + OCCLUSION_SLACK
    return facing & ~hidden


def _face_follow(
    posed: PosedModel, kept: NDArray[np.intp], sheet: Sheet
) -> NDArray[np.float64]:
    """The face takes the whole pose, save where the sheet under its lower rim already lags."""
    from scipy.interpolate import LinearNDInterpolator

    under = LinearNDInterpolator(sheet.pixels, sheet.follow, fill_value=1.0)
    return np.asarray(under(posed.pixels[kept]), np.float64)


def _opening(
    loop: NDArray[np.intp], upper_count: int, pixels: NDArray[np.floating]
) -> Opening:
    upper = loop[:upper_count]
    lower = np.concatenate([[loop[0]], loop[upper_count:][::-1], [loop[upper_count - 1]]])
    if pixels[upper[0], 0] > pixels[upper[-1], 0]:
        upper, lower = upper[::-1], lower[::-1]
    return Opening(upper, lower)
