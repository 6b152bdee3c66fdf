# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of a sphere, whose truth is the direction from its centre."""

import numpy as np
from scipy.spatial import ConvexHull

from heat_backend.geometry.mesh_normals import triangle_facing, triangle_normals, vertex_normals


def sphere(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) evenly on the unit sphere (Fibonacci lattice), triangles facing outward."""
    k = np.arange(count) + 0.5
    z, turn = 1.0 - 2.0 * k / count, np.pi * (1.0 + 5.0**0.5) * k
    points = np.column_stack(
        [np.sqrt(1.0 - z * z) * np.cos(turn), np.sqrt(1.0 - z * z) * np.sin(turn), z]
    )
    triangles = ConvexHull(points).simplices
    a, b, c = points[triangles].transpose(1, 0, 2)
    inward = (np.cross(b - a, c - a) * a).sum(axis=1) < 0.0
    triangles[inward] = triangles[inward][:, ::-1]
    return points, triangles


def test_vertex_normals_of_a_sphere_point_away_from_its_centre() -> None:
    points, triangles = sphere()
    normals = vertex_normals(points, triangles)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1.0)
    assert (normals * points).sum(axis=1).min() > 0.999


def test_triangle_normals_are_twice_as_long_as_the_area() -> None:
    points, triangles = sphere()
    area = 0.5 * np.linalg.norm(triangle_normals(points, triangles), axis=1).sum()
    assert 0.98 * 4.0 * np.pi < area < 4.0 * np.pi


def test_facing_is_the_height_on_a_sphere() -> None:
    points, triangles = sphere()
    middle = points[triangles].mean(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    assert np.abs(triangle_facing(points, triangles) - middle[:, 2]).max() < 0.1


def test_a_vertex_without_triangles_has_no_normal() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], float)
    normals = vertex_normals(points, np.array([[0, 1, 2]]))
    assert np.array_equal(normals, [[0, 0, 1]] * 3 + [[0, 0, 0]])
