# SPDX-License-Identifier: GPL-3.0-or-later
"""A known rotation and scale are found again."""

import numpy as np
import pytest

from bridge.pose import rotation_matrix
from heat_backend.geometry.rigid_alignment import nearest_rotation


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (0.3, -0.7, 1.2), (1.5, 2.8, -3.0)])
def test_a_known_turn_and_scale_are_found(angles: tuple[float, float, float]) -> None:
    points = np.random.default_rng(3).normal(size=(40, 3))
    points -= points.mean(axis=0)
    turn = rotation_matrix(angles)
    moved = 2.5 * points @ turn.T
    found, trace = nearest_rotation(moved.T @ points)
    assert np.abs(found - turn).max() < 1e-6
    assert trace / (points**2).sum() == pytest.approx(2.5)


def test_a_mirror_image_is_never_the_answer() -> None:
    points = np.random.default_rng(4).normal(size=(40, 3))
    found, _ = nearest_rotation((points * (1.0, 1.0, -1.0)).T @ points)
    assert np.linalg.det(found) == pytest.approx(1.0)
