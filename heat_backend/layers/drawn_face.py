# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the face model's triangles are drawn: those that the photo shows well enough.

At the face's rim the photo squeezes much skin into few pixels, and what it shows there may be hair
or an ear. Turned into view these triangles would smear; the relief sheet takes their place.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.silhouette import silhouette
from heat_backend.raster import FAR, raster_attributes

# Cosines to the camera: a triangle seen at a flatter angle has no usable texture in the photo; at
# the face's rim, which a turn brings to the front, it must be seen better.
LEAST_FACING, RIM_FACING = 0.12, 0.4
FOLLOWED = 0.25  # the same for what the sheet follows beyond the rim
# Outer-eye distances.
FOLD_REACH = 0.2  # from lids and lips
OCCLUSION_SLACK = 0.15
BLUNT = 0.35  # radius of the rim: where it is cut it would end in points, as at the temples
CELLS = 40  # per unit


def drawn_triangles(
    posed: PosedModel,
    face: NDArray[np.int32],
    skin: NDArray[np.int32],
    borders: NDArray[np.int32],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Choose among the face's triangles.

    Parameters
    ----------
    posed : PosedModel
    face : ndarray, shape (T, 3)
    skin : ndarray, shape (S, 3)
        Skin of the whole head.
    borders : ndarray of int
        Vertices of the openings' borders.

    Returns
    -------
    drawn, followed : ndarray of bool, shape (T,)
        Those to draw, and those that the sheet's relief is to follow: they reach a little farther,
        so that it joins the rim of the others without a step.
    """
    facing = _facing(posed, face)
    shown = ~_hidden(posed, face, skin)
    folds = _around(posed, face, borders)
    shown &= facing > LEAST_FACING
    sure = (shown & (facing > RIM_FACING)) | folds
    drawn = (shown & _within(posed, face, sure)) | folds
    return drawn, drawn | (shown & (facing > FOLLOWED))


def _facing(posed: PosedModel, face: NDArray[np.int32]) -> NDArray[np.float64]:
    """How much each triangle (T,) is turned to the camera: the cosine, 1 frontal."""
    corners = posed.rest[face]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    return np.asarray(normal[:, 2] / length)


def _cells(posed: PosedModel) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Vertices (V, 2) in a raster's cells, and its rows and columns."""
    points = (posed.pixels - posed.pixels.min(axis=0)) * (CELLS / posed.unit)
    columns, rows = np.ceil(points.max(axis=0)).astype(int) + 2
    return points.astype(np.float32), (int(rows), int(columns))


def _hidden(
    posed: PosedModel, face: NDArray[np.int32], skin: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which triangles (T,) have other skin before them."""
    points, shape = _cells(posed)
    z = posed.rest[:, 2].astype(np.float32)
    nearest = np.full(shape, FAR, np.float32)
    raster_attributes(points, z, z[:, None], skin, np.zeros((*shape, 1), np.float32), nearest)
    at = np.rint(points[face].mean(axis=1)).astype(int)
    return np.asarray(nearest[at[:, 1], at[:, 0]] > z[face].mean(axis=1) + OCCLUSION_SLACK)


def _around(
    posed: PosedModel, face: NDArray[np.int32], borders: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which triangles are folds next to an opening: hidden at rest, they unroll when it moves."""
    distance, _ = cKDTree(posed.pixels[borders]).query(posed.pixels[face].mean(axis=1))
    return np.asarray(distance < FOLD_REACH * posed.unit)


def _within(
    posed: PosedModel, face: NDArray[np.int32], sure: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which triangles (T,) lie within the outline of the ``sure`` ones, its points rounded off."""
    points, shape = _cells(posed)
    covered = silhouette(points, face[sure], shape, whole=True)
    across = 2 * round(BLUNT * CELLS) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    blunt = cv2.morphologyEx(covered, cv2.MORPH_OPEN, disc)
    at = np.rint(points[face].mean(axis=1)).astype(int)
    return np.asarray(blunt[at[:, 1], at[:, 0]] > 0)
