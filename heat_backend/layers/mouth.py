# SPDX-License-Identifier: GPL-3.0-or-later
"""The inside of the mouth: teeth, gums, tongue and cavity, lit and coloured like the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.mouth_colour import (
    brighter_by_teeth,
    mouth_colours,
    photographed_teeth,
)
from heat_backend.layers.outline import outline_patch
from heat_backend.layers.own_mouth import OwnMouth, build_own_mouth
from heat_backend.layers.portrait_mesh import PortraitMesh
from heat_backend.layers.tongue_path import TonguePath, middle_of_lower_lip, tongue_path

PARTS = (
    "teeth_upper",
    "teeth_lower",
    "gums_upper",
    "gums_lower",
    "tongue",
    "mouth_socket",
)
JAW_OPEN = EXPRESSION_INDEX["jawOpen"]
# Model units at jawOpen 1. The model's lips cover its teeth as the jaw opens; people's slacken and
# bare the tops of the lower teeth and the edge of the upper ones.
LOWER_TEETH_RISE, UPPER_TEETH_DROP = 0.065, 0.028
CAVITY = (54.0, 21.0, 18.0)
TONGUE_SIDEWAYS = 0.4  # a turned head's tongue comes out toward the viewer, not past the corner
THIN_RIM = 0.15  # of the height of the opening
RIM = 0.02  # outer-eye distances: lip that the inner contour still holds


@dataclass(frozen=True)
class MouthLayer:
    """Geometry behind the lips, and what the photo itself shows of it.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float32
    deltas : ndarray, shape (53, N, 3), float32
    look : ndarray, shape (N, 5), float32
        Lit colour r, g, b in 0..255, 1 on the tongue, 1 where the lips turn inward.
    look_out : ndarray, shape (N, 3), float32
        Lit colour with the tongue out.
    triangles : ndarray, shape (T, 3), int32
    own : OwnMouth or None
        What the photo shows between its lips; None where they are closed.
    forward : ndarray, shape (3,), float32
        Where the face looks in the photo.
    up : ndarray, shape (3,), float32
        Its upward axis.
    path : TonguePath
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    look: NDArray[np.float32]
    look_out: NDArray[np.float32]
    triangles: NDArray[np.int32]
    own: OwnMouth | None
    forward: NDArray[np.float32]
    up: NDArray[np.float32]
    path: TonguePath


def build_mouth(
    model: FaceModel,
    posed: PosedModel,
    photo: NDArray[np.uint8],
    mesh: PortraitMesh,
    light: NDArray[np.float64],
) -> MouthLayer:
    """Build the layer.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    photo : ndarray, shape (H, W, 3), uint8
    mesh : PortraitMesh
    light : ndarray, shape (3,)
        How white things are lit, see :func:`heat_backend.layers.mouth_colour.exposure`: skin
        does not tell how brightly teeth are.
    """
    wanted = np.isin(model.triangle_part, [PART_NAMES.index(name) for name in PARTS])
    kept, flat = np.unique(model.triangles[wanted], return_inverse=True)
    triangles = flat.reshape(-1, 3).astype(np.int32)
    rest = posed.rest[kept]
    outline = mesh.mouth.outline(mesh.pixels)
    tone = photographed_teeth(*_own_opening(photo, outline, posed.unit))
    light = light * brighter_by_teeth(model, kept, light, tone)
    colours = mouth_colours(model, posed, kept, triangles, photo, light, tone)
    tongue = (model.vertex_part[kept] == PART_NAMES.index("tongue")).astype(np.float64)
    look = np.column_stack([colours.inside, tongue, colours.lining])
    back, back_triangles = _backdrop(rest, len(kept))
    # Only for its place: the tongue comes out over it.
    lip = middle_of_lower_lip(model)
    cavity = np.tile([*(np.array(CAVITY) * light), 0.0, 0.0], (len(back) + 1, 1))
    still = np.zeros((len(posed.deltas), len(back), 3), np.float32)
    deltas = posed.deltas[:, kept].copy()
    deltas[EXPRESSION_INDEX["tongueOut"], :, 0] *= TONGUE_SIDEWAYS
    deltas[JAW_OPEN] += _bared(model, kept)[:, None] * posed.rotation[:, 1].astype(np.float32)
    return MouthLayer(
        rest=np.concatenate([rest, back, posed.rest[[lip]]]).astype(np.float32),
        deltas=np.concatenate([deltas, still, posed.deltas[:, [lip]]], axis=1),
        look=np.concatenate([look, cavity]).astype(np.float32),
        look_out=np.concatenate([colours.out, cavity[:, :3]]).astype(np.float32),
        triangles=np.concatenate([triangles, back_triangles]).astype(np.int32),
        own=build_own_mouth(photo, posed, mesh, _teeth_front(model, posed)),
        forward=posed.rotation[:, 2].astype(np.float32),
        up=posed.rotation[:, 1].astype(np.float32),
        path=tongue_path(model, kept, len(kept) + len(back)),
    )


def _bared(model: FaceModel, kept: NDArray[np.intp]) -> NDArray[np.float32]:
    """How far up (N,) the mouth's vertices go against the lips as the jaw opens."""
    rise = np.zeros(len(PART_NAMES), np.float32)
    for name in ("teeth_lower", "gums_lower", "tongue"):
        rise[PART_NAMES.index(name)] = LOWER_TEETH_RISE
    for name in ("teeth_upper", "gums_upper"):
        rise[PART_NAMES.index(name)] = -UPPER_TEETH_DROP
    return np.asarray(rise[model.vertex_part[kept]], np.float32)


def _backdrop(
    rest: NDArray[np.float64], start: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Make a dark plane behind everything, so that the opening has no hole."""
    low, high = rest.min(axis=0), rest.max(axis=0)
    reach = 0.4 * (high - low)
    xs, ys = (low[0] - reach[0], high[0] + reach[0]), (low[1] - reach[1], high[1] + reach[1])
    back = np.array([[x, y, low[2]] for y in ys for x in xs])
    return back, np.array([[0, 1, 2], [2, 1, 3]], np.int32) + start


def _teeth_front(model: FaceModel, posed: PosedModel) -> float:
    """Depth of the front of the upper teeth."""
    teeth = posed.rest[model.vertex_part == PART_NAMES.index("teeth_upper")]
    return float(np.percentile(teeth[:, 2], 85))


def _own_opening(
    photo: NDArray[np.uint8], opening: NDArray[np.floating], unit: float
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
    """Crop of the photo around its own opening, with a mask for its core."""
    patch = outline_patch(opening, photo.shape[1], photo.shape[0], margin=6)
    if patch is None:
        return None, np.zeros((1, 1), np.float32)
    h, w = patch.mask.shape
    own = photo[patch.top : patch.top + h, patch.left : patch.left + w].astype(np.float32)
    # A thin opening keeps most of its height: its teeth are what the eye goes to.
    height = float(patch.mask.sum(axis=0).max())
    rim = max(1, round(min(RIM * unit, THIN_RIM * height)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    core = cv2.GaussianBlur(cv2.erode(patch.mask, disc), (0, 0), max(0.6, 0.7 * rim))
    return own, core.astype(np.float32)
