# SPDX-License-Identifier: GPL-3.0-or-later
"""The inside of the mouth: teeth, gums, tongue and cavity, lit and coloured like the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.outline import outline_patch

PARTS = (
    "teeth_upper", "teeth_lower", "gums_upper", "gums_lower", "tongue", "mouth_socket",
)
LIGHT = np.array([0.15, 0.45, 0.88])  # from the front, a little above
AMBIENT = 0.45
FADE_DEPTH = 0.42  # outer-eye distances behind the lips at which light has fallen to 1/e
CAVITY = (38.0, 14.0, 12.0)
REFERENCE_SKIN = 175.0  # luminance of well-lit skin for which the model's colours were chosen


@dataclass(frozen=True)
class MouthLayer:
    """Geometry behind the lips.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float32
    deltas : ndarray, shape (52, N, 3), float32
    look : ndarray, shape (N, 5), float32
        Source pixel x, y in the photo, and lit colour r, g, b in 0..255.
    triangles : ndarray, shape (T, 3), int32
    seen : ndarray, shape (H, W), float32
        1 where the photo itself shows the inside of the mouth; its pixels are used there.
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    look: NDArray[np.float32]
    triangles: NDArray[np.int32]
    seen: NDArray[np.float32]


def build_mouth(
    model: FaceModel,
    posed: PosedModel,
    photo: NDArray[np.uint8],
    opening: NDArray[np.floating],
    skin_level: float,
) -> MouthLayer:
    """Build the layer.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    photo : ndarray, shape (H, W, 3), uint8
    opening : ndarray, shape (M, 2)
        Inner lip contour as a closed polygon, photo pixels.
    skin_level : float
        Median luminance of the face's skin, 0..255.
    """
    wanted = np.isin(model.triangle_part, [PART_NAMES.index(name) for name in PARTS])
    triangles = model.triangles[wanted]
    kept, flat = np.unique(triangles, return_inverse=True)
    triangles = flat.reshape(-1, 3).astype(np.int32)
    rest = posed.rest[kept]
    colour = _lit(model.vertex_albedo[kept].astype(np.float64), rest, triangles, posed, model)
    exposure = np.clip(skin_level / REFERENCE_SKIN, 0.25, 1.1)
    look = np.concatenate([posed.pixels[kept], colour * exposure], axis=1)
    back, back_look, back_triangles = _backdrop(rest, look, posed, len(kept))
    return MouthLayer(
        rest=np.concatenate([rest, back]).astype(np.float32),
        deltas=np.concatenate(
            [posed.deltas[:, kept], np.zeros((len(posed.deltas), 4, 3), np.float32)], axis=1
        ),
        look=np.concatenate([look, back_look]).astype(np.float32),
        triangles=np.concatenate([triangles, back_triangles]).astype(np.int32),
        seen=_seen(photo.shape[:2], opening),
    )


def _lit(
    albedo: NDArray[np.float64],
    rest: NDArray[np.float64],
    triangles: NDArray[np.int32],
    posed: PosedModel,
    model: FaceModel,
) -> NDArray[np.float64]:
    corners = rest[triangles]
    face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.zeros_like(rest)
    for k in range(3):
        np.add.at(normal, triangles[:, k], face_normal)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lambert = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0.0, 1.0)
    lips = posed.rest[model.lip_inner, 2].max()
    depth = np.maximum(0.0, lips - rest[:, 2])
    reached = np.exp(-((depth / FADE_DEPTH) ** 2))
    return albedo * ((AMBIENT + (1.0 - AMBIENT) * lambert) * reached)[:, None]


def _backdrop(
    rest: NDArray[np.float64], look: NDArray[np.float64], posed: PosedModel, start: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """A dark plane behind everything, so that the opening has no hole."""
    low, high = rest.min(axis=0), rest.max(axis=0)
    reach = 0.4 * (high - low)
    z = low[2]
    xs, ys = (low[0] - reach[0], high[0] + reach[0]), (low[1] - reach[1], high[1] + reach[1])
    back = np.array([[x, y, z] for y in ys for x in xs])
    pixels = posed.camera.project(back)
    colour = np.tile(np.array(CAVITY) * float(np.clip(look[:, 2:].mean() / 60.0, 0.3, 1.0)), (4, 1))
    triangles = np.array([[0, 1, 2], [2, 1, 3]], np.int32) + start
    return back, np.concatenate([pixels, colour], axis=1), triangles


def _seen(shape: tuple[int, int], opening: NDArray[np.floating]) -> NDArray[np.float32]:
    seen = np.zeros(shape, np.float32)
    patch = outline_patch(opening, shape[1], shape[0], margin=5)
    if patch is None:
        return seen
    h, w = patch.mask.shape
    grown = cv2.dilate(patch.mask, np.ones((5, 5), np.uint8))
    seen[patch.top : patch.top + h, patch.left : patch.left + w] = (grown > 0.0)
    return seen
