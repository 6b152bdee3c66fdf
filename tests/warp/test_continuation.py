# SPDX-License-Identifier: GPL-3.0-or-later
"""What a raised head uncovers below the photo: more of the neck, and no second chin."""

import numpy as np
import pytest

from heat_backend.geometry.head_pose import HeadPose, apply_head_pose
from heat_backend.layers.matting_layers import continue_over_border

PAD, HEIGHT, WIDTH, BELOW = 60, 200, 120, 30


def _neck() -> np.ndarray:
    """A skin-coloured person (H, W, 4) with a dark chin line above the border, wall beside."""
    person = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    person[:, 20:100] = (200, 150, 120, 255)
    person[HEIGHT - BELOW - 8 : HEIGHT - BELOW, 20:100, :3] = 30
    return person


def test_no_second_chin_below_the_photo() -> None:
    whole = continue_over_border(_neck(), PAD, BELOW)
    under = whole[-PAD:, PAD + 25 : PAD + 95]
    assert under[..., 3].min() == 255
    assert np.abs(under[..., 0].astype(int) - 200).max() <= 6


def test_the_continuation_joins_without_a_step() -> None:
    whole = continue_over_border(_neck(), PAD, BELOW).astype(int)
    row = PAD + HEIGHT
    assert np.abs(whole[row] - whole[row - 1]).max() <= 6
    assert whole[-PAD:, : PAD + 18].max() == 0


def test_the_photo_itself_stays() -> None:
    person = _neck()
    whole = continue_over_border(person, PAD, BELOW)
    assert np.array_equal(whole[PAD:-PAD, PAD:-PAD], person)


@pytest.mark.parametrize("below", [-20.0, 0.0, 1.0, 500.0])
def test_any_place_of_the_face_goes(below: float) -> None:
    assert continue_over_border(_neck(), PAD, below).shape == (HEIGHT + 2 * PAD, WIDTH + 2 * PAD, 4)


def _shoulder_takes(shift: float) -> float:
    """Share of an upward shift that a place makes which does not follow the head's turns."""
    pose = HeadPose(np.eye(3, dtype=np.float32), np.array((0, shift, 0), np.float32), False)
    one = np.ones(1, np.float32)
    moved = apply_head_pose(np.zeros((1, 3), np.float32), pose, 0 * one, one)
    return float(moved[0, 1]) / shift


def test_shoulders_stay_under_a_nod_and_follow_a_rising_person() -> None:
    assert _shoulder_takes(0.05) < 0.02
    assert _shoulder_takes(1.0) > 0.6
