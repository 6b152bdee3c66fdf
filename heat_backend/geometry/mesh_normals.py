# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of triangle meshes, and how far a surface is turned to the viewer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TINY = 1e-12  # below this length a normal has no direction: the division must not fail


def triangle_normals(
    points: NDArray[np.floating], triangles: NDArray[np.integer]
) -> NDArray[np.floating]:
    """Cross products of the triangles' edges: normals as long as twice the triangle's area.

    Parameters
    ----------
    points : ndarray, shape (V, 3)
    triangles : ndarray, shape (T, 3)
        Counter-clockwise seen from outside.

    Returns
    -------
    ndarray, shape (T, 3)
        Of the points' type, pointing outward.
    """
    corners = points[triangles]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def triangle_facing(
    points: NDArray[np.floating], triangles: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Cosine (T,) of each triangle's normal to the z axis, which points to the viewer."""
    normal = triangle_normals(points, triangles)
    return np.asarray(normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), TINY))


def vertex_normals(
    points: NDArray[np.floating], triangles: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Average the normals of the triangles around each vertex, weighted by their area.

    Parameters
    ----------
    points : ndarray, shape (V, 3)
    triangles : ndarray, shape (T, 3)

    Returns
    -------
    ndarray, shape (V, 3), float64
        0 for a vertex without triangles.
    """
    normal = triangle_normals(points, triangles)
    total = np.zeros((len(points), 3))
    for k in range(3):
        np.add.at(total, triangles[:, k], normal)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(length, TINY))
