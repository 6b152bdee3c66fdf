# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh that moves the photo: the face's own triangles in front of a relief sheet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from bridge.face_model import PART_NAMES, SKIN_PARTS, FaceModel
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.head_sheet import BEHIND_FACE, Sheet, head_sheet
from heat_backend.raster import FAR, raster_attributes

# A triangle seen at a flatter angle than this at rest has no usable texture in the photo.
LEAST_FACING = 0.1
MOST_AVERTED = 0.12  # triangles turned away more have no skin of their own in the photo
SAFE_INSIDE = 0.02  # outer-eye distances from the outline to skin that is surely skin
LEAST_TURN = np.radians(6.0)
FAR_SIDE_FROM = 0.3  # outer-eye distances from the middle
FOLD_REACH = 0.2  # outer-eye distances from lids and lips
OCCLUSION_SLACK = 0.15  # outer-eye distances


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

    def outline(self, pixels: NDArray[np.floating], slit: float = 0.0) -> NDArray[np.floating]:
        """Its border as a smooth closed polygon (M, 2), given all vertices' pixels (N, 2).

        Where it is open by less than ``slit`` pixels it is drawn nearly or quite shut.
        """
        upper, lower = (_rounded(pixels[run]) for run in (self.upper, self.lower))
        upper = _not_below(upper, lower, slit)
        return np.concatenate([upper, lower[-2:0:-1]])


@dataclass(frozen=True)
class PortraitMesh:
    """All that moves with the head, except what is behind its openings.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float32
        Vertices about the head's pivot in the picture's axes, model units.
    deltas : ndarray, shape (53, N, 3), float32
        What each expression adds, same axes.
    follow : ndarray, shape (N,), float32
        How much of the head's pose a vertex takes, 0..1.
    pixels : ndarray, shape (N, 2), float32
        Where in the photo a vertex finds its colour.
    far_pixels : ndarray, shape (N, 2), float32
        The same for frames that turn the far side into view: the mesh may lie a little beyond the
        outline in the photo, and what is a sliver there becomes a broad strip of wall.
    bias : ndarray, shape (N,), float32
        Added to the depth: the sheet stays behind the face.
    triangles : ndarray, shape (T, 3), int32
    averted : ndarray, shape (A, 3), int32
        Triangles of the far side, to be drawn only when the head turns it into view.
    averted_side : float
        Where the face looks in the photo: 1 to image right, -1 to image left.
    mouth, eye_left, eye_right : Opening
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    follow: NDArray[np.float32]
    pixels: NDArray[np.float32]
    far_pixels: NDArray[np.float32]
    bias: NDArray[np.float32]
    triangles: NDArray[np.int32]
    averted: NDArray[np.int32]
    averted_side: float
    mouth: Opening
    eye_left: Opening
    eye_right: Opening

    @property
    def eyes(self) -> dict[str, Opening]:
        """The eye openings by the subject's side."""
        return {"left": self.eye_left, "right": self.eye_right}


def build_portrait_mesh(
    model: FaceModel,
    posed: PosedModel,
    alpha: NDArray[np.float32],
    chin: NDArray[np.floating],
    pad: int,
) -> PortraitMesh:
    """Put face and sheet together. See :func:`head_sheet` for the parameters."""
    skin = model.triangles[_triangles_of(model, *SKIN_PARTS)]
    face = model.triangles[_triangles_of(model, "face")]
    sheet = head_sheet(posed, skin, face, alpha, chin, pad)
    borders = np.concatenate([model.lip_inner, model.lid_left, model.lid_right])
    seen, hidden = _seen_and_hidden(posed, face, skin)
    folded = _around(posed, face, borders)
    shown = face[seen | folded]
    averted = face[hidden & ~folded & _far_side(model, posed, face)]
    kept = np.union1d(np.unique(shown), borders)
    behind = np.unique(averted)
    place = np.full(len(model.vertices), -1)
    place[kept] = np.arange(len(kept))
    place_behind = np.full(len(model.vertices), -1)
    place_behind[behind] = np.arange(len(behind)) + len(kept)
    mirrored = posed.pixels[_mirror_image(model)[behind]]
    front, behind_triangles = place[shown], place_behind[averted]
    sources = np.concatenate([posed.pixels[kept], mirrored])
    kept = np.concatenate([kept, behind])
    count = len(kept)
    return PortraitMesh(
        rest=_stack(posed.rest[kept], sheet.rest),
        deltas=np.ascontiguousarray(
            np.concatenate([posed.deltas[:, kept], sheet.deltas], axis=1), np.float32
        ),
        follow=_stack(_face_follow(posed, kept, sheet), sheet.follow),
        pixels=_stack(sources, sheet.pixels),
        far_pixels=_stack(_pulled_in(alpha, sources, posed.unit), sheet.pixels),
        bias=_stack(np.zeros(count), np.full(len(sheet.rest), -BEHIND_FACE)),
        triangles=np.concatenate([front, sheet.triangles + count]).astype(np.int32),
        averted=behind_triangles.astype(np.int32),
        averted_side=float(np.sign(posed.rotation[0, 2])),
        mouth=_opening(place[model.lip_inner], model.lip_upper_count, sources),
        eye_left=_opening(place[model.lid_left], model.lid_upper_count, sources),
        eye_right=_opening(place[model.lid_right], model.lid_upper_count, sources),
    )


def _rounded(run: NDArray[np.floating]) -> NDArray[np.floating]:
    """Two rounds of Chaikin's corner cutting, with the ends kept (Chaikin 1974)."""
    for _ in range(2):
        a, b = run[:-1], run[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        run = np.concatenate([run[:1], cut[1:-1], run[-1:]])
    return run


def _not_below(
    upper: NDArray[np.floating], lower: NDArray[np.floating], slit: float
) -> NDArray[np.floating]:
    """Lay the parts of an upper edge that crossed or nearly met the lower one onto it."""
    along = lower[-1] - lower[0]
    length = float(np.hypot(*along))
    if length < 1e-6:
        return upper
    axes = np.array([[along[0], along[1]], [-along[1], along[0]]]) / length
    u, low = (upper - lower[0]) @ axes.T, (lower - lower[0]) @ axes.T
    order = np.argsort(low[:, 0])
    floor = np.interp(u[:, 0], low[order, 0], low[order, 1])
    gap = np.maximum(0.0, floor - u[:, 1])
    if slit > 0.0:
        t = np.minimum(gap / slit, 1.0)
        gap *= t * t * (3.0 - 2.0 * t)
    u[:, 1] = floor - gap
    return u @ axes + lower[0]


def _stack(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.concatenate([a, b]), np.float32)


def _triangles_of(model: FaceModel, *names: str) -> NDArray[np.bool_]:
    return np.isin(model.triangle_part, [PART_NAMES.index(name) for name in names])


def _pulled_in(
    alpha: NDArray[np.float32], pixels: NDArray[np.floating], unit: float
) -> NDArray[np.float64]:
    """Move places (N, 2) that lie on the wall or the outline to the nearest safe skin."""
    margin = max(1, round(SAFE_INSIDE * unit))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    safe = cv2.erode((alpha > 0.98).astype(np.uint8), disc, borderValue=1)
    if not safe.any():
        return np.asarray(pixels, np.float64)
    _, labels = cv2.distanceTransformWithLabels(
        1 - safe, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    where = np.zeros((labels.max() + 1, 2))
    rows, columns = np.nonzero(safe)
    where[labels[rows, columns]] = np.stack([columns, rows], axis=1)
    height, width = alpha.shape
    at = np.rint(pixels).astype(int)
    x, y = np.clip(at[:, 0], 0, width - 1), np.clip(at[:, 1], 0, height - 1)
    unsafe = (safe[y, x] == 0) & (at[:, 0] == x) & (at[:, 1] == y)
    return np.where(unsafe[:, None], where[labels[y, x]], pixels)


def _mirror_image(model: FaceModel) -> NDArray[np.intp]:
    """For each vertex the one that is nearest to its mirror image."""
    _, twin = cKDTree(model.vertices * np.array((-1.0, 1.0, 1.0), np.float32)).query(model.vertices)
    return np.asarray(twin)


def _seen_and_hidden(
    posed: PosedModel, face: NDArray[np.int32], skin: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which triangles the photo shows well, and which not at all.

    The first are turned to the camera with nothing before them. The second, on the far side of
    a turned face, borrow the near side's skin when they come into view.
    """
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
    return facing & ~hidden, normal[:, 2] <= MOST_AVERTED


def _far_side(model: FaceModel, posed: PosedModel, face: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Triangles on the half of a turned face that looks away."""
    sideways = posed.rotation[0, 2]  # where the nose points, to the image right or left
    if abs(sideways) < np.sin(LEAST_TURN):
        return np.zeros(len(face), bool)
    return model.vertices[face, 0].mean(axis=1) * np.sign(sideways) > FAR_SIDE_FROM


def _around(
    posed: PosedModel, face: NDArray[np.int32], borders: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which triangles are folds next to an opening: hidden at rest, they unroll when it moves."""
    distance, _ = cKDTree(posed.pixels[borders]).query(posed.pixels[face].mean(axis=1))
    return distance < FOLD_REACH * posed.unit


def _face_follow(posed: PosedModel, kept: NDArray[np.intp], sheet: Sheet) -> NDArray[np.float64]:
    """Let the face take the whole pose, save where the sheet under its lower rim already lags."""
    under = LinearNDInterpolator(sheet.pixels, sheet.follow, fill_value=1.0)
    return np.asarray(under(posed.pixels[kept]), np.float64)


def _opening(loop: NDArray[np.intp], upper_count: int, pixels: NDArray[np.floating]) -> Opening:
    upper = loop[:upper_count]
    lower = np.concatenate([[loop[0]], loop[upper_count:][::-1], [loop[upper_count - 1]]])
    if pixels[upper[0], 0] > pixels[upper[-1], 0]:
        upper, lower = upper[::-1], lower[::-1]
    return Opening(upper, lower)
