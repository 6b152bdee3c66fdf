# SPDX-License-Identifier: GPL-3.0-or-later
"""Deep3D's pose and ours: same signs and axes, and a motion that its extraction would find."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from bridge.pose import rotation_matrix
from heat_backend.geometry.camera import Camera
from heat_backend.styleheat.bfm.head_pose import (
    HeadMotion,
    deep3d_rotation,
    project,
)
from heat_backend.styleheat.crops.deep3d import fit_orthographic

# Eyes, nose tip and mouth corners of a head, decimetres.
STANDARD = np.array(
    [[-0.31, 0.29, 0.13], [0.31, 0.29, 0.13], [0.0, -0.05, 0.55], [-0.25, -0.38, 0.22],
     [0.25, -0.38, 0.22]]
)  # fmt: skip
PIVOT = np.array([0.0, -0.2, -0.9])
VECTOR = np.zeros(73, np.float32)
VECTOR[64:73] = [0.05, -0.1, 0.02, 0.01, -0.02, 0.4, 0.6, 120.0, 131.0]


def motion() -> HeadMotion:
    return HeadMotion(VECTOR, STANDARD, PIVOT, 0.9)


def test_rotation_is_the_published_one() -> None:
    """Rx, Ry and Rz as Deep3D writes them out; transposed, for row vectors."""
    x, y, z = 0.3, -0.5, 0.7
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    np.testing.assert_allclose(deep3d_rotation((x, y, z)), (rz @ ry @ rx).T, atol=1e-12)


@pytest.mark.parametrize(
    ("angles", "point", "goes"),
    [
        ((0, 0.3, 0), (0, 0, 0.6), (1, 0)),  # +yaw: the nose to image right
        ((0.3, 0, 0), (0, 0, 0.6), (0, -1)),  # +pitch: the nose down
        ((0, 0, 0.3), (0, 0.8, 0), (-1, 0)),  # +roll: the crown to image left
    ],
)
def test_signs_are_the_contracts(angles, point, goes) -> None:
    points = np.array([point], float)
    moved = project(points, angles, (0, 0, 0)) - project(points, (0, 0, 0), (0, 0, 0))
    ours = Camera(100.0, (0.0, 0.0))
    same = ours.project(points @ rotation_matrix(angles).T) - ours.project(points)
    for axis, sign in enumerate(goes):
        if sign:
            assert np.sign(moved[0, axis]) == sign
            assert np.sign(same[0, axis] * (1, -1)[axis]) == sign  # rows of a picture run down


def test_nearer_is_larger_and_up_is_up() -> None:
    points = np.array([[-0.3, 0, 0], [0.3, 0, 0]])
    near, far = (np.ptp(project(points, (0, 0, 0), (0, 0, z))[:, 0]) for z in (0.5, 0.0))
    assert near > far
    assert project(points, (0, 0, 0), (0, 0.1, 0))[0, 1] > 112


def test_no_motion_is_exactly_the_photos_vector() -> None:
    moved = motion().moved(np.zeros(3), np.zeros(3))
    assert moved.tobytes() == VECTOR.tobytes()


def test_a_small_motion_is_a_small_change() -> None:
    moved = motion().moved((1e-5, 1e-5, 1e-5), (1e-5, 1e-5, 1e-5))
    np.testing.assert_allclose(moved, VECTOR, atol=5e-3)


def test_angles_turn_by_axes_fixed_to_the_image() -> None:
    turn = np.array([0.2, 0.4, -0.3])
    moved = motion().moved(turn, np.zeros(3))
    wanted = rotation_matrix(turn) @ rotation_matrix(VECTOR[64:67])
    np.testing.assert_allclose(rotation_matrix(moved[64:67]), wanted, atol=1e-5)
    np.testing.assert_array_equal(moved[:64], VECTOR[:64])


def test_shifting_moves_the_crop_and_not_the_expression() -> None:
    right = motion().moved(np.zeros(3), (0.5, 0.0, 0.0)) - VECTOR
    assert right[71] > 5 and abs(right[72]) < 1.0
    up = motion().moved(np.zeros(3), (0.0, 0.5, 0.0)) - VECTOR
    assert up[72] > 5 and abs(up[71]) < 1.0
    nearer = motion().moved(np.zeros(3), (0.0, 0.0, 1.0))
    assert nearer[70] < VECTOR[70], "a larger face needs less scale"


def test_turning_the_neck_carries_the_face_along() -> None:
    assert motion().moved((0, 0.4, 0), np.zeros(3))[71] > VECTOR[71] + 3
    assert motion().moved((0.3, 0, 0), np.zeros(3))[72] < VECTOR[72] - 3


def consistent_vector() -> np.ndarray:
    """A vector whose crop is exactly the one that the extraction would have chosen."""
    angles = VECTOR[64:67].astype(np.float64)
    seen = project(STANDARD, angles, VECTOR[67:70])
    picture = (seen - 112.0) / VECTOR[70] + VECTOR[71:73]
    shift, scale = fit_orthographic(picture, STANDARD)
    in_crop = (picture - shift) * (102.0 / scale) + 112.0
    at = least_squares(lambda t: (project(STANDARD, angles, t) - in_crop).ravel(), np.zeros(3)).x
    return np.array([*np.zeros(64), *angles, *at, 102.0 / scale, *shift], np.float32)


@pytest.mark.parametrize(
    ("turn", "shift"),
    [((0.1, 0.35, 0.1), (0, 0, 0)), ((0, 0, 0), (0.3, -0.2, 0.5)), ((-0.2, 0.2, 0.3), (0.2, 0, 0))],
)
def test_moved_vector_shows_the_moved_head(turn, shift) -> None:
    """Where vector and crop put the head in the picture is where a rigid motion puts it."""
    vector = consistent_vector()
    moved = HeadMotion(vector, STANDARD, PIVOT, 0.9).moved(turn, shift).astype(np.float64)

    def in_picture(v: np.ndarray) -> np.ndarray:
        return (project(STANDARD, v[64:67], v[67:70]) - 112.0) / v[70] + v[71:73]

    own = vector.astype(np.float64)
    placed = STANDARD @ rotation_matrix(own[64:67]).T + own[67:70]
    pivot = rotation_matrix(own[64:67]) @ PIVOT + own[67:70]
    rigid = (placed - pivot) @ rotation_matrix(turn).T + pivot + np.array(shift) * 0.9
    wanted = (project(rigid, (0, 0, 0), (0, 0, 0)) - 112.0) / own[70] + own[71:73]
    # A crop that follows the head sees it from a slightly other side, as the published one does.
    assert np.abs(in_picture(moved) - wanted).max() < 2.0, "pixels of 256"
