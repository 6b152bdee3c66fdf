# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction for spectacles: the frame is found in the photo, and the skin under it held still.

For: faces with spectacles. Lengths are outer-eye distances; ``x`` and ``y`` run along and below
the line of the eyes from the middle between their inner corners.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_NAMES
from bridge.face_model import PART_NAMES, FaceModel
from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import (
    EYES,
    INNER_EYE_CORNERS,
    LEFT_BROW,
    NOSE_RIDGE,
    OUTER_EYE_CORNERS,
    RIGHT_BROW,
)

# Filled before lines are looked for: lids and brows are dark, too.
DARK_REGIONS = (*EYES, RIGHT_BROW, LEFT_BROW[:-1])
# Outer-eye distances where nothing else is said; tuned by eye on the spectacled test portraits.
WORKING_UNIT = 160.0  # pixels per outer-eye distance at which frames are searched for
THICKEST = 0.09  # of a rim (8 mm)
DARKER = 26.0  # grey levels below the skin on both sides
LEAST_SPAN = 0.75  # from one side of the frame to the other
LEAST_BELOW = 0.12  # below the eyes' line, on either side: lower rims or sides of the frame
HIGHEST, LOWEST, FARTHEST = -0.28, 0.40, 0.85  # bounds of frames below and beside the eyes
NOSE_HALF, LOWEST_ON_NOSE = 0.2, 0.2  # half width of the nose, and the lower bound over it
HOLD, LET_GO = 0.015, 0.08  # around the frame: skin stands still, and moves freely from there
# Brows lie that near a frame: held wholly they could not move, or would fold over.
BROW_LET_GO, BROW_HELD = 0.12, 0.5  # free from there, and how much they are held at the frame
LIDS = (0.012, 0.05)  # around the lids' margins: they must close whatever is in front of them


def find_frame(photo: NDArray[np.uint8], face: FaceLandmarks) -> NDArray[np.bool_] | None:
    """Find the pixels of a spectacle frame.

    For: faces with spectacles.

    A frame is a dark line that crosses the ridge of the nose, where bare skin has none, and goes
    on around both eyes.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    face : FaceLandmarks

    Returns
    -------
    ndarray, shape (H, W), bool, or None
        None for a face without spectacles.
    """
    unit = face.outer_eye_distance
    scale = WORKING_UNIT / unit
    points = (face.points[:, :2] + 0.5) * scale - 0.5
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    light = cv2.cvtColor(cv2.resize(photo, size, interpolation=how), cv2.COLOR_RGB2GRAY)
    reach = round(THICKEST * WORKING_UNIT)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    dark = (cv2.morphologyEx(light, cv2.MORPH_BLACKHAT, disc) > DARKER).astype(np.uint8)
    for outline in DARK_REGIONS:
        hull = cv2.convexHull(points[outline].astype(np.float32))
        cv2.fillPoly(dark, [np.rint(hull).astype(np.int32)], 0)
    _, labels = cv2.connectedComponents(dark, connectivity=8)
    crossing = _on_ridge(labels, points)
    frames = [k for k in crossing if _is_frame(labels == k, points)]
    if not frames:
        return None
    mask = (np.isin(labels, frames) & _where_glasses_sit(labels.shape, points)).astype(np.uint8)
    back = cv2.resize(mask, photo.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(back > 0)


def _on_ridge(labels: NDArray[np.int32], points: NDArray[np.floating]) -> list[int]:
    """Components that the line down the nose runs through."""
    height, width = labels.shape
    found: set[int] = set()
    for a, b in pairwise(NOSE_RIDGE):
        at = np.rint(np.linspace(points[a], points[b], 32)).astype(int)
        inside = (at >= 0).all(axis=1) & (at[:, 0] < width) & (at[:, 1] < height)
        found |= set(labels[at[inside, 1], at[inside, 0]].tolist())
    return sorted(found - {0})


def _is_frame(component: NDArray[np.bool_], points: NDArray[np.floating]) -> bool:
    """Whether a component goes around both eyes, not just across the nose."""
    rows, columns = np.nonzero(component)
    x, y = _face_axes(columns, rows, points)
    near = np.abs(y) < 0.5
    if not near.any():
        return False
    x, y = x[near], y[near]
    spans = float(x.max() - x.min()) >= LEAST_SPAN
    return bool(spans and all(((side * x > 0.1) & (y > LEAST_BELOW)).any() for side in (-1, 1)))


def _where_glasses_sit(shape: tuple[int, ...], points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Leave out what hangs together with a frame by accident: hair, folds beside nose and mouth."""
    rows, columns = np.indices(shape)
    x, y = _face_axes(columns, rows, points)
    lowest = np.where(np.abs(x) < NOSE_HALF, LOWEST_ON_NOSE, LOWEST)
    return np.asarray((y > HIGHEST) & (y < lowest) & (np.abs(x) < FARTHEST))


def _face_axes(
    x: NDArray[np.integer], y: NDArray[np.integer], points: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates along and below the line of the eyes, outer-eye distances from its middle."""
    along = points[OUTER_EYE_CORNERS[1]] - points[OUTER_EYE_CORNERS[0]]
    along = along / np.hypot(*along) / WORKING_UNIT
    middle = points[INNER_EYE_CORNERS].mean(axis=0)
    dx, dy = x - middle[0], y - middle[1]
    return dx * along[0] + dy * along[1], dy * along[0] - dx * along[1]


def hold_frame(model: FaceModel, posed: PosedModel, frame: NDArray[np.bool_]) -> None:
    """Take the skin under a frame out of all expressions, in place, save at the lids.

    For: faces with spectacles, which must not bend with lids and brows.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    frame : ndarray, shape (H, W), bool
    """
    skin = np.flatnonzero(model.vertex_part == PART_NAMES.index("face"))
    distance = cv2.distanceTransform(1 - frame.astype(np.uint8), cv2.DIST_L2, 5)
    at = posed.pixels[skin].astype(np.float32)
    away = cv2.remap(
        distance, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )[0]
    lids = np.concatenate([model.lid_left, model.lid_right])
    near, _ = cKDTree(posed.pixels[lids]).query(posed.pixels[skin])
    free = smoothstep(*LIDS, near / posed.unit)
    for k in range(len(posed.deltas)):
        brow = k < len(EXPRESSION_NAMES) and EXPRESSION_NAMES[k].startswith("brow")
        far = BROW_LET_GO if brow else LET_GO
        held = (
            (BROW_HELD if brow else 1.0) * (1.0 - smoothstep(HOLD, far, away / posed.unit)) * free
        )
        posed.deltas[k, skin] *= (1.0 - held).astype(np.float32)[:, None]
