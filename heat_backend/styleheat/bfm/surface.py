# SPDX-License-Identifier: GPL-3.0-or-later
"""Closest points on a triangle mesh, many at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR_TRIANGLES = 12  # looked at for each point, by their centres
ON_BORDER = 1e-6  # weight below which a point lies on the opposite edge


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a mesh.

    Attributes
    ----------
    triangle : ndarray, shape (n,), int64
    weights : ndarray, shape (n, 3), float64
        Barycentric.
    distance : ndarray, shape (n,)
        From the points that were asked for.
    """

    triangle: Ints
    weights: Floats
    distance: Floats

    def of(self, field: NDArray[np.floating], triangles: Ints) -> Floats:
        """Interpolate a vertex field (..., V, D) at the points: (..., n, D)."""
        corners = field[..., triangles[self.triangle], :]
        mixed: Floats = np.einsum("nk,...nkd->...nd", self.weights, corners)
        return mixed

    def operator(self, triangles: Ints, count: int) -> csr_matrix:
        """Sparse (n, count) that interpolates a vertex field of ``count`` vertices."""
        rows = np.repeat(np.arange(len(self.triangle)), 3)
        columns = triangles[self.triangle].ravel()
        shape = (len(self.triangle), count)
        return coo_matrix((self.weights.ravel(), (rows, columns)), shape).tocsr()


def closest_points(points: Floats, vertices: Floats, triangles: Ints) -> SurfacePoints:
    """Find the closest point of a mesh to each of ``points`` (n, 3)."""
    corners = vertices[triangles]
    _, near = cKDTree(corners.mean(axis=1)).query(points, k=min(NEAR_TRIANGLES, len(triangles)))
    near = near.reshape(len(points), -1)
    best = np.full(len(points), np.inf)
    triangle = np.zeros(len(points), np.int64)
    weights = np.zeros((len(points), 3))
    for column in near.T:
        tried = _weights_in(points, corners[column])
        gap = np.einsum("nk,nkd->nd", tried, corners[column]) - points
        squared = (gap * gap).sum(axis=1)
        better = squared < best
        best[better] = squared[better]
        triangle[better] = column[better]
        weights[better] = tried[better]
    return SurfacePoints(triangle, weights, np.sqrt(best))


def _weights_in(points: Floats, corners: Floats) -> Floats:
    """Barycentric weights (n, 3) of the point of triangle i closest to point i."""
    a, b, c = corners.transpose(1, 0, 2)
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = ((p * q).sum(axis=1) for p, q in ((u, u), (u, v), (v, v)))
    wu, wv = (w * u).sum(axis=1), (w * v).sum(axis=1)
    scale = np.maximum(uu * vv - uv * uv, 1e-24)
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    out = np.stack([1.0 - s - t, s, t], axis=1)
    outside = (out < 0.0).any(axis=1)
    if outside.any():
        out[outside] = _weights_on_edges(points[outside], corners[outside])
    return out


def _weights_on_edges(points: Floats, corners: Floats) -> Floats:
    best = np.full(len(points), np.inf)
    out = np.zeros((len(points), 3))
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[:, i], corners[:, j] - corners[:, i]
        length = np.maximum((edge * edge).sum(axis=1), 1e-24)
        share = np.clip(((points - start) * edge).sum(axis=1) / length, 0.0, 1.0)
        gap = start + share[:, None] * edge - points
        squared = (gap * gap).sum(axis=1)
        better = squared < best
        best[better] = squared[better]
        weights = np.zeros((len(points), 3))
        weights[:, i], weights[:, j] = 1.0 - share, share
        out[better] = weights[better]
    return out


def border_edges(triangles: Ints, count: int) -> Ints:
    """Codes ``low * count + high`` of the edges that only one triangle has, sorted."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    code, times = np.unique(edges[:, 0] * count + edges[:, 1], return_counts=True)
    return code[times == 1]


def on_border(found: SurfacePoints, triangles: Ints, count: int) -> NDArray[np.bool_]:
    """Whether each point lies on the mesh's border: beyond it there may have been no surface."""
    borders = border_edges(triangles, count)
    corners = triangles[found.triangle]
    out = np.zeros(len(corners), bool)
    for i, j, opposite in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        edge = np.sort(corners[:, [i, j]], axis=1)
        at_edge = found.weights[:, opposite] < ON_BORDER
        out |= at_edge & np.isin(edge[:, 0] * count + edge[:, 1], borders)
    return out
