# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clips become one: parts of the face from each, crossfaded where they meet."""

import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.errors import BadInput, UsageError
from bridge.motion_clip import MotionClip
from bridge.motion_mix import joined, laid_over, resampled
from bridge.regions import REGIONS, region_mask

JAW, BROW = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["browInnerUp"]


def flat(count: int, value: float, fps: float = 25.0, yaw: float = 0.0) -> MotionClip:
    expression = np.full((count, len(EXPRESSION_NAMES)), value, np.float32)
    rotation = np.tile(np.array([0.0, yaw, 0.0], np.float32), (count, 1))
    return MotionClip(fps, expression, rotation, np.zeros((count, 3), np.float32))


def test_every_expression_belongs_to_one_region():
    assert sum(region_mask([name]).astype(int) for name in REGIONS).tolist() == [1] * 52


def test_the_voice_moves_the_mouth_and_the_video_all_else():
    mixed = laid_over(flat(50, 0.2, yaw=0.3), flat(50, 0.9), {"mouth": 1.0})
    assert np.allclose(mixed.expression[:, JAW], 0.9)
    assert np.allclose(mixed.expression[:, BROW], 0.2)
    assert np.allclose(mixed.rotation[:, 1], 0.3)


def test_a_weight_blends_and_the_head_can_be_taken():
    mixed = laid_over(flat(10, 0.0), flat(10, 1.0, yaw=0.4), {"brows": 0.25, "head": 0.5})
    assert np.allclose(mixed.expression[:, BROW], 0.25)
    assert np.allclose(mixed.expression[:, JAW], 0.0)
    assert np.allclose(mixed.rotation[:, 1], 0.2)


def test_a_clip_laid_in_the_middle_comes_and_goes_without_a_jump():
    mixed = laid_over(flat(100, 0.0), flat(40, 1.0), {"mouth": 1.0}, at=1.2, fade=0.4)
    jaw = mixed.expression[:, JAW]
    assert jaw[:30].max() == 0.0 and jaw[70:].max() == 0.0
    assert np.isclose(jaw[50], 1.0)
    assert np.abs(np.diff(jaw)).max() < 0.2


def test_clips_of_other_rates_meet_in_time():
    over = flat(60, 0.0, fps=30.0)
    ramp = np.array(over.expression)
    ramp[:, JAW] = np.linspace(0.0, 1.0, 60)
    over = MotionClip(30.0, ramp, over.rotation, over.translation)
    mixed = laid_over(flat(48, 0.0, fps=24.0), over, {"mouth": 1.0})
    assert len(mixed) == 48 and mixed.fps == 24.0
    assert np.isclose(mixed.expression[24, JAW], ramp[30, JAW], atol=0.02)


def test_one_after_the_other_overlaps_by_the_crossfade():
    chain = joined(flat(50, 0.0), flat(50, 1.0), fade=0.4)
    assert len(chain) == 90
    jaw = chain.expression[:, JAW]
    assert jaw[39] == 0.0 and jaw[50] == 1.0
    assert (np.diff(jaw) >= 0.0).all() and np.diff(jaw).max() < 0.2


def test_turns_past_half_a_circle_are_resampled_the_short_way():
    clip = flat(2, 0.0)
    rotation = np.array([[0, 3.1, 0], [0, -3.1, 0]], np.float32)
    clip = MotionClip(25.0, clip.expression, rotation, clip.translation)
    middle = resampled(clip, 50.0).rotation[1, 1]
    assert abs(abs(middle) - np.pi) < 0.05


@pytest.mark.parametrize(
    ("weights", "at", "fade", "told"),
    [
        ({"ears": 1.0}, 0.0, 0.0, "ears"),
        ({"mouth": 1.5}, 0.0, 0.0, "weight from 0 to 1"),
        ({"mouth": 1.0}, 9.0, 0.0, "outside the first"),
        ({"mouth": 1.0}, 0.0, -1.0, "crossfade"),
    ],
)
def test_what_makes_no_sense_is_reported(weights, at, fade, told):
    with pytest.raises(UsageError, match=told):
        laid_over(flat(10, 0.0), flat(10, 1.0), weights, at, fade)


def test_clips_with_edits_are_not_mixed_silently():
    clip = flat(5, 0.0)
    edited = MotionClip(
        25.0, clip.expression, clip.rotation, clip.translation,
        np.zeros((5, 1), np.float32), ("age",),
    )  # fmt: skip
    with pytest.raises(BadInput, match="edits"):
        joined(clip, edited)
