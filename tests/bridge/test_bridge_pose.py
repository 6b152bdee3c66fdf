# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from bridge import pose


def test_positive_pitch_looks_down():
    nose = pose.rotation_matrix((0.3, 0, 0)) @ (0, 0, 1)
    assert nose[1] < 0 < nose[2]


def test_positive_yaw_turns_the_nose_to_image_right():
    nose = pose.rotation_matrix((0, 0.3, 0)) @ (0, 0, 1)
    assert nose[0] > 0
    assert nose[1] == pytest.approx(0)


def test_positive_roll_tips_the_crown_to_image_left():
    crown = pose.rotation_matrix((0, 0, 0.3)) @ (0, 1, 0)
    assert crown[0] < 0


def test_the_order_is_roll_after_yaw_after_pitch():
    pitch, yaw, roll = (pose.rotation_matrix(a * np.eye(3)[i]) for i, a in enumerate((0.2, 0.5, 1)))
    np.testing.assert_allclose(pose.rotation_matrix((0.2, 0.5, 1)), roll @ yaw @ pitch, atol=1e-12)


def test_angles_and_matrices_are_inverse():
    angles = np.random.default_rng(1).uniform((-3, -1.5, -3), (3, 1.5, 3), (500, 3))
    np.testing.assert_allclose(
        pose.rotation_angles(2.5 * pose.rotation_matrix(angles)), angles, atol=1e-9
    )


@pytest.mark.parametrize("yaw", [np.pi / 2, -np.pi / 2])
def test_a_nose_straight_to_the_side_still_gives_its_rotation_back(yaw):
    matrix = pose.rotation_matrix((0.3, yaw, 0.4))
    again = pose.rotation_matrix(pose.rotation_angles(matrix))
    np.testing.assert_allclose(again, matrix, atol=1e-9)


def test_blenders_axes():
    np.testing.assert_array_equal(pose.contract_to_blender((1, 0, 0)), (1, 0, 0))
    np.testing.assert_array_equal(pose.contract_to_blender((0, 1, 0)), (0, 0, 1))
    np.testing.assert_array_equal(pose.contract_to_blender((0, 0, 1)), (0, -1, 0))


def test_unwrap_removes_whole_turns():
    turning = np.linspace(0, 20, 200)[:, None] * (1, -1, 0.5)
    wrapped = (turning + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(pose.unwrap(wrapped), turning, atol=1e-9)
