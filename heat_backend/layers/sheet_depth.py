# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the sheet stands back behind what is drawn before it.

Only its depth is set back, not its place: where a smooth relief would come out of the folds of a
face, or stand before an ear, it loses against them and still moves with the head.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.far_side import FarSide
from heat_backend.layers.head_sheet import Sheet
from heat_backend.layers.silhouette import silhouette

# Outer-eye distances.
BEHIND_FACE = 0.10
UNDER_FACE = 0.3  # behind the corners of an open mouth, too, which lie deep
FROM_RIM = (0.0, 0.10)  # inside the face's outline: where that begins, and is whole
HELD_BACK = 1.5  # behind an ear, too
BESIDE, WALL_AWAY = 0.10, 0.25
CELLS = 24  # per unit


def behind_face(sheet: Sheet, posed: PosedModel, face: NDArray[np.int32]) -> NDArray[np.float64]:
    """Depth to add to the sheet's vertices (N,) so that the face is before them.

    ``face`` (T, 3) are the triangles of it that are drawn. Its rim joins the sheet without a step;
    farther inside, its openings included, the sheet must never be seen.
    """
    covered = _covered(sheet, posed, face, whole=True)
    within, beyond = (
        cv2.distanceTransform(cells, cv2.DIST_L2, 5) for cells in (covered, 1 - covered)
    )
    inside = _sampled(within - beyond, sheet, posed.unit)
    return -BEHIND_FACE - UNDER_FACE * smoothstep(*FROM_RIM, inside)


def held_back(
    sheet: Sheet, posed: PosedModel, far: FarSide, alpha: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Depth to add to the sheet's vertices (N,) so that they do not stand before the far side.

    That is where it is drawn anew, right beside it, and the wall close by.
    """
    covered = _covered(sheet, posed, far.vertices[far.triangles])
    away = _sampled(cv2.distanceTransform(1 - covered, cv2.DIST_L2, 5), sheet, posed.unit)
    x, y = sheet.pixels.astype(np.float32).T[:, :, None]
    person = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    near = np.clip(1.5 - away / BESIDE, 0.0, 1.0)
    wall = (1.0 - person) * np.clip(2.0 - 2.0 * away / WALL_AWAY, 0.0, 1.0)
    share = np.maximum(near, wall)
    return -HELD_BACK * share


def _covered(
    sheet: Sheet, posed: PosedModel, triangles: NDArray[np.integer], whole: bool = False
) -> NDArray[np.uint8]:
    """1 in the cells over the sheet that triangles (T, 3) of the posed model cover, else 0."""
    low, high = sheet.pixels.min(axis=0), sheet.pixels.max(axis=0)
    columns, rows = np.ceil((high - low) * CELLS / posed.unit).astype(int) + 2
    points = (posed.pixels - low) * (CELLS / posed.unit)
    return silhouette(points, triangles, (int(rows), int(columns)), whole)


def _sampled(cells: NDArray[np.float32], sheet: Sheet, unit: float) -> NDArray[np.float64]:
    """Read distances in cells at the sheet's vertices (N,), in outer-eye distances."""
    at = np.rint((sheet.pixels - sheet.pixels.min(axis=0)) * CELLS / unit).astype(int)
    return np.asarray(cells[at[:, 1], at[:, 0]] / CELLS, np.float64)
