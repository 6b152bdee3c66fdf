# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera projects, takes points back, and shrinks with the picture."""

import numpy as np

from heat_backend.geometry.camera import Camera

POINTS = np.random.default_rng(6).uniform(-1.0, 1.0, (50, 3))
CAMERA = Camera(130.0, (200.0, 150.0), 8.0)


def test_unproject_undoes_project() -> None:
    assert np.allclose(CAMERA.unproject(CAMERA.project(POINTS), POINTS[:, 2]), POINTS)


def test_near_points_are_larger_and_up_is_up() -> None:
    near, far = CAMERA.project(np.array([[0.5, 0.5, 1.0], [0.5, 0.5, -1.0]]))
    assert near[0] > far[0] > 200.0 and near[1] < far[1] < 150.0


def test_a_scaled_camera_sees_the_resized_picture() -> None:
    half = CAMERA.scaled(0.5).project(POINTS)
    assert np.allclose(half + 0.5, 0.5 * (CAMERA.project(POINTS) + 0.5))
