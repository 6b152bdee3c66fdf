# SPDX-License-Identifier: GPL-3.0-or-later
"""Visible triangles of the face model, and smoothing of skin seen at a grazing angle.

At the face's rim the photo squeezes much skin into few pixels, and what it shows there may be hair
or an ear. Turned into view these triangles would smear; the proxy mesh takes their place. Lengths
are outer-eye distances, facing is the cosine of the angle to the camera.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.spatial import cKDTree

from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.mesh_normals import triangle_facing, vertex_normals
from heat_backend.geometry.polygon_mask import triangle_mask
from heat_backend.geometry.rasterizer import depth_buffer

# By eye on the test portraits. A triangle at a flatter angle has no usable texture in the photo; at
# the face's rim, which a turn brings to the front, it must face the camera more.
LEAST_FACING, RIM_FACING = 0.12, 0.4
FOLLOWED = 0.25  # the same for what the proxy mesh follows beyond the rim
FOLD_REACH = 0.2  # from lids and lips
OCCLUSION_SLACK = 0.15  # depth by which other skin must be nearer to occlude
BLUNT = 0.35  # least radius of the rim, which would else end in points, as at the temples
CELLS = 40  # of the rasters, per outer-eye distance
GRAZING = (0.25, 0.6)  # facing (cosine) at which skin goes wholly, and not at all, with others
BESIDE = 0.05  # standard deviation of a neighbour's weight, in the picture
NEIGHBOURS = 24  # vertices averaged: those within about two such distances
LEAST = 0.02  # weight of a neighbour, however much it turns away
OPENING_REACH = (0.10, 0.22)  # outer-eye distances from lids and lips, where folds must unroll


def visible_triangles(
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
        Those to draw, and those that the proxy mesh is to follow: they reach a little farther,
        so that it joins the rim of the others without a step.
    """
    facing = triangle_facing(posed.rest, face)
    shown = ~_occluded(posed, face, skin)
    folds = _around(posed, face, borders)
    shown &= facing > LEAST_FACING
    sure = (shown & (facing > RIM_FACING)) | folds
    drawn = (shown & _within(posed, face, sure)) | folds
    return drawn, drawn | (shown & (facing > FOLLOWED))


def _cells(posed: PosedModel) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Vertices (V, 2) in a raster's cells, and its rows and columns."""
    points = (posed.pixels - posed.pixels.min(axis=0)) * (CELLS / posed.unit)
    columns, rows = np.ceil(points.max(axis=0)).astype(int) + 2
    return points.astype(np.float32), (int(rows), int(columns))


def _occluded(
    posed: PosedModel, face: NDArray[np.int32], skin: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which triangles (T,) have other skin before them."""
    points, shape = _cells(posed)
    z = posed.rest[:, 2].astype(np.float32)
    nearest = depth_buffer(points, z, skin, shape)
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


def silhouette(
    points: NDArray[np.floating],
    triangles: NDArray[np.integer],
    shape: tuple[int, int],
    whole: bool = False,
) -> NDArray[np.uint8]:
    """Rasterise triangles as one flat shape, by :func:`triangle_mask`, cells rounded down.

    Parameters
    ----------
    points : ndarray, shape (V, 2)
        Cells, x and y; the first one's centre is at (0, 0).
    triangles : ndarray, shape (T, 3)
    shape : tuple of int
        Rows, columns.
    whole : bool
        Fill the holes.

    Returns
    -------
    ndarray, shape (rows, columns), uint8
        1 where a triangle is, else 0.
    """
    covered = triangle_mask(points, triangles, shape, np.trunc)
    if whole:
        outlines, _ = cv2.findContours(covered, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(covered, outlines, -1, 1, cv2.FILLED)
    return covered


def evened_grazing(
    rest: NDArray[np.floating], triangles: NDArray[np.integer], borders: NDArray[np.integer]
) -> csr_matrix:
    """Matrix (N, N) that averages the motion of vertices where the surface turns away.

    For: shape edits of any face: skin seen at a grazing angle must not slide apart at the rim.

    Parameters
    ----------
    rest : ndarray, shape (N, 3)
        Model units.
    triangles : ndarray, shape (T, 3)
        Vertices of none of them are left alone.
    borders : ndarray of int
        Vertices of the openings: near them nothing is averaged.
    """
    facing = np.maximum(0.0, vertex_normals(rest, triangles)[:, 2])
    used = np.unique(triangles)
    distance, near = cKDTree(rest[used, :2]).query(rest[used, :2], k=min(NEIGHBOURS, len(used)))
    weight = np.exp(-((distance / BESIDE) ** 2)) * np.maximum(facing[used][near], LEAST)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(used, near.shape[1])
    number = len(rest)
    mean = csr_matrix((weight.ravel(), (rows, used[near].ravel())), (number, number))
    share = np.zeros(number)
    away, _ = cKDTree(rest[borders, :2]).query(rest[used, :2])
    share[used] = (1.0 - smoothstep(*GRAZING, facing[used])) * smoothstep(*OPENING_REACH, away)
    return (diags(1.0 - share) + diags(share) @ mean).tocsr()
