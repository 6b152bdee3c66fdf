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
    np.testing.assert_array_equal(pose.blender_to_contract((1, 0, 0)), (1, 0, 0))
    np.testing.assert_array_equal(pose.blender_to_contract((0, 0, 1)), (0, 1, 0))
    np.testing.assert_array_equal(pose.blender_to_contract((0, -1, 0)), (0, 0, 1))
    points = np.random.default_rng(2).normal(size=(7, 3))
    np.testing.assert_allclose(
        pose.contract_to_blender(pose.blender_to_contract(points)), points, atol=1e-12
    )


def test_a_turn_in_blender_is_the_same_turn_in_the_contract():
    angles = np.array([0.2, -0.4, 0.1])
    in_blender = pose.contract_to_blender_rotation(pose.rotation_matrix(angles))
    point = np.array([0.3, -1.0, 0.5])
    moved = pose.blender_to_contract(in_blender @ point)
    np.testing.assert_allclose(
        moved, pose.rotation_matrix(angles) @ pose.blender_to_contract(point), atol=1e-12
    )
    back = pose.blender_to_contract_rotation(in_blender)
    np.testing.assert_allclose(pose.rotation_angles(back), angles, atol=1e-12)


def test_the_relative_turn_does_not_depend_on_the_bones_own_roll():
    turn = pose.rotation_matrix((0.1, 0.2, 0.3))
    for roll in (0.0, 1.0, 2.5):
        rest = pose.rotation_matrix((0.7, -0.3, roll))
        np.testing.assert_allclose(pose.relative_rotation(rest, turn @ rest), turn, atol=1e-12)


def test_wrap_and_unwrap():
    np.testing.assert_allclose(pose.wrap([3.5, -3.5, 0.5]), [3.5 - 2 * np.pi, 2 * np.pi - 3.5, 0.5])
    turning = np.linspace(0, 20, 200)[:, None] * (1, -1, 0.5)
    np.testing.assert_allclose(pose.unwrap(pose.wrap(turning)), turning, atol=1e-9)
