# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth and visibility of a ball in the place of a head."""

import numpy as np

from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.camera import Camera
from heat_backend.layers.silhouette_depth import silhouette_depth
from heat_backend.layers.visible_triangles import evened_grazing, silhouette, visible_triangles

UNIT, SIZE = 60.0, 240
CAMERA = Camera(UNIT, (SIZE / 2.0, SIZE / 2.0), 1000.0)


def ball(radius: float = 1.0, rows: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) by latitude and longitude, mirror-symmetric in x; triangles face outward."""
    up = np.linspace(-0.5 * np.pi, 0.5 * np.pi, rows)[1:-1]
    around = 2.0 * np.pi * (np.arange(2 * rows) + 0.5) / (2 * rows) + 0.5 * np.pi
    y, a = np.meshgrid(np.sin(up), around, indexing="ij")
    c = np.sqrt(1.0 - y * y)
    points = radius * np.stack([c * np.cos(a), y, -c * np.sin(a)], axis=-1).reshape(-1, 3)
    index = np.arange(len(points)).reshape(len(up), -1)
    following = np.roll(index, -1, axis=1)
    a0, b0, c0, d0 = (v.ravel() for v in (index[:-1], following[:-1], index[1:], following[1:]))
    triangles = np.concatenate([np.stack([a0, b0, c0], 1), np.stack([b0, d0, c0], 1)])
    normal = np.cross(points[b0[0]] - points[a0[0]], points[c0[0]] - points[a0[0]])
    if normal @ points[a0[0]] < 0.0:
        triangles = triangles[:, ::-1]
    return points, np.ascontiguousarray(triangles, np.int32)


def posed(points: np.ndarray) -> PosedModel:
    deltas = np.zeros((53, len(points), 3), np.float32)
    return PosedModel(points, deltas, CAMERA.project(points), CAMERA, UNIT, np.eye(3))


def test_only_the_near_side_of_a_ball_is_visible() -> None:
    points, triangles = ball()
    borders = np.argsort(-points[:, 2])[:1].astype(np.int32)
    drawn, followed = visible_triangles(posed(points), triangles, triangles, borders)
    z = points[triangles, 2].mean(axis=1)
    assert drawn[z > 0.6].all()
    beside = np.hypot(*points[triangles, :2].mean(axis=1).T) > 0.3  # of the opening's folds
    assert not followed[(z < 0.0) & beside].any()
    assert (followed | ~drawn).all(), "what is drawn is followed"


def test_a_ball_silhouette_has_its_area() -> None:
    points, triangles = ball()
    covered = silhouette(CAMERA.project(points), triangles, (SIZE, SIZE))
    assert abs(covered.sum() / (np.pi * UNIT**2) - 1.0) < 0.05


def test_holes_of_a_silhouette_are_filled() -> None:
    points, triangles = ball()
    ring = triangles[np.abs(points[triangles, 1].mean(axis=1)) > 0.5]
    at = CAMERA.project(points)
    open_, whole = (silhouette(at, ring, (SIZE, SIZE), fill) for fill in (False, True))
    assert (whole >= open_).all()


def test_the_depth_from_a_silhouette_is_symmetric_and_highest_inside() -> None:
    points, triangles = ball()
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    middle = SIZE / 2.0
    alpha = (np.hypot(x - middle, y - middle) < 1.6 * UNIT).astype(np.float32)
    xs = np.linspace(middle - 1.5 * UNIT, middle + 1.5 * UNIT, 31)
    grid = np.stack(np.meshgrid(xs, xs), axis=-1).reshape(-1, 2)
    near = triangles[points[triangles, 2].mean(axis=1) > 0.5]
    above_chin = np.full(len(grid), -2.0)
    depth = silhouette_depth(posed(points), triangles, near, alpha, above_chin, grid)
    depth = depth.reshape(31, 31)
    assert np.abs(depth - depth[:, ::-1]).max() < 0.08
    assert depth[15, 15] > depth[15, 8] > depth[15, 1]
    assert abs(depth[15, 15] - 1.0) < 0.1, "it joins the surface that is visible"


def test_evening_grazing_skin_keeps_constants_and_what_faces_the_viewer() -> None:
    points, triangles = ball()
    border = np.array([int(np.argmax(points[:, 2]))])
    matrix = evened_grazing(points, triangles, border)
    assert np.allclose(matrix @ np.ones(len(points)), 1.0)
    rows = matrix.tocsr()
    frontal = int(np.argmax(points[:, 2]))
    assert rows[frontal, frontal] == 1.0
    side = int(np.argmax(points[:, 0]))
    assert rows[side, side] < 0.9
