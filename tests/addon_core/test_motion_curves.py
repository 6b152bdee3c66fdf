# SPDX-License-Identifier: GPL-3.0-or-later
"""From a clip to key values: resampling, mirroring, the map read backwards, fewer keys."""

import numpy as np
import pytest

import bridge
from blender_addon.core.motion import key_reduction, shaping
from blender_addon.core.motion.shaping import Shaping, Timing
from blender_addon.core.rig import map_inverse
from blender_addon.core.rig.rig_map import (
    BoneRow,
    HeadPose,
    KeyRow,
    RigMap,
    default_bone_rows,
    evaluate,
)
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES

EVERYTHING = np.ones(52, bool)


def clip_of(count=50, fps=25.0, **curves):
    """A clip with some expressions; rotation and translation as given, else still."""
    tables = {name: np.zeros((count, 3), np.float32) for name in ("rotation", "translation")}
    expression = np.zeros((count, 52), np.float32)
    for name, values in curves.items():
        if name in tables:
            tables[name][:] = values
        else:
            expression[:, EXPRESSION_INDEX[name]] = values
    return bridge.motion_clip.MotionClip(fps, expression, **tables)


def wanted(**values):
    frames = max(len(np.atleast_1d(v)) for v in values.values())
    table = np.zeros((frames, 52))
    for name, value in values.items():
        table[:, EXPRESSION_INDEX[name]] = value
    return table


# --- on the scene's frames ---


@pytest.mark.parametrize("fps", [24000 / 1001, 25.0, 30.0, 60.0])
def test_equal_rates_leave_every_value_as_it_is(fps):
    ramp = np.linspace(0.0, 1.0, 200)
    motion = shaping.resampled(clip_of(200, fps, jawOpen=ramp), Timing(7, 1.0 / fps))
    assert (motion.first, len(motion)) == (7, 200)
    column = motion.expression[:, EXPRESSION_INDEX["jawOpen"]]
    np.testing.assert_array_equal(column, ramp.astype(np.float32))


def test_another_rate_keeps_the_pace():
    # One swell a second, 30 a second in the clip, shown at 23.976.
    rate = 24000 / 1001
    time = np.arange(300) / 30.0
    swell = 0.5 - 0.5 * np.cos(2.0 * np.pi * time)
    motion = shaping.resampled(clip_of(300, 30.0, jawOpen=swell), Timing(1, 1.0 / rate))
    assert len(motion) == 240
    shown = motion.expression[:, EXPRESSION_INDEX["jawOpen"]]
    expected = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(240) / rate)
    # the last frame's own time is all that is held
    np.testing.assert_allclose(shown[:-1], expected[:-1], atol=0.01)


def test_a_trimmed_strip_takes_its_own_part():
    ramp = np.arange(100) / 100.0
    timing = Timing(50, 1 / 25, begin=1.0, frames=20)
    motion = shaping.resampled(clip_of(100, 25.0, jawOpen=ramp), timing)
    column = motion.expression[:, EXPRESSION_INDEX["jawOpen"]]
    np.testing.assert_allclose(column, ramp[25:45], atol=1e-6)
    with pytest.raises(bridge.errors.BadInput, match="no frames in this part"):
        shaping.resampled(clip_of(100), Timing(1, 1 / 25, begin=4.5))


def test_mirror_shows_the_other_side_and_twice_is_none():
    clip = clip_of(3, mouthSmileLeft=0.8, jawRight=0.3, jawOpen=0.2, eyeLookOutRight=0.5,
                   rotation=(0.1, 0.2, 0.3), translation=(1.0, 2.0, 3.0))  # fmt: skip
    once = shaping.shaped(clip, Timing(1, 1 / 25), Shaping(mirror=True))
    row = dict(zip(EXPRESSION_NAMES, once.expression[0], strict=True))
    assert row["mouthSmileRight"] == pytest.approx(0.8)
    assert row["mouthSmileLeft"] == 0.0
    assert row["jawLeft"] == pytest.approx(0.3)
    assert row["jawOpen"] == pytest.approx(0.2)
    assert row["eyeLookOutLeft"] == pytest.approx(0.5)
    np.testing.assert_allclose(once.rotation[0], (0.1, -0.2, -0.3), atol=1e-6)
    np.testing.assert_allclose(once.translation[0], (-1.0, 2.0, 3.0), atol=1e-6)


def test_gain_is_the_regions_own_and_smoothing_has_no_lag():
    pulse = np.zeros(41)
    pulse[20] = 1.0
    clip = clip_of(41, jawOpen=pulse, browInnerUp=0.5, rotation=(0.1, 0.0, 0.0))
    strong = shaping.shaped(clip, Timing(1, 1 / 25), Shaping({"brows": 2.0, "head": 0.5}))
    assert strong.expression[0, EXPRESSION_INDEX["browInnerUp"]] == pytest.approx(1.0)
    assert strong.expression[20, EXPRESSION_INDEX["jawOpen"]] == 1.0
    assert strong.rotation[0, 0] == pytest.approx(0.05)
    calm = shaping.shaped(clip, Timing(1, 1 / 25), Shaping(smooth=2.0))
    jaw = calm.expression[:, EXPRESSION_INDEX["jawOpen"]]
    assert np.argmax(jaw) == 20
    assert jaw[20] < 0.3
    np.testing.assert_allclose(jaw, jaw[::-1], atol=1e-9)
    assert jaw.sum() == pytest.approx(1.0)


def test_parts_and_names_choose_the_expressions():
    mouth = shaping.expression_mask(frozenset({"mouth"}))
    named = {name for name, taken in zip(EXPRESSION_NAMES, mouth, strict=True) if taken}
    assert {"jawOpen", "tongueOut", "mouthSmileLeft"} <= named
    assert not any(name.startswith(("brow", "eye", "cheek", "nose")) for name in named)
    only = shaping.expression_mask(frozenset(shaping.REGIONS), "jaw*, mouthClose")
    assert only.sum() == 5
    with pytest.raises(bridge.errors.BadInput, match='"jawOpne" is not an expression'):
        shaping.expression_mask(frozenset(shaping.REGIONS), "jawOpne")


# --- the map read backwards ---


def test_bounded_fit_is_the_best_within_the_bounds():
    rng = np.random.default_rng(5)
    for _ in range(20):
        matrix, target = rng.normal(size=(7, 5)), rng.normal(size=(11, 7))
        low, high = np.full(5, -0.2), rng.uniform(0.1, 0.6, 5)
        found = map_inverse.bounded_least_squares(matrix, target, low, high)
        assert (found >= low - 1e-12).all()
        assert (found <= high + 1e-12).all()
        slope = (found @ matrix.T - target) @ matrix
        # At the best point no allowed change of one value lowers the error.
        assert (slope[found > low + 1e-6] < 1e-4).all()
        assert (slope[found < high - 1e-6] > -1e-4).all()


def test_bounded_fit_agrees_with_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(6)
    matrix, target = rng.normal(size=(6, 6)), rng.normal(size=(4, 6))
    found = map_inverse.bounded_least_squares(matrix, target, np.zeros(6), np.ones(6))
    for row, goal in zip(found, target, strict=True):
        best = optimize.lsq_linear(matrix, goal, (0.0, 1.0)).x
        np.testing.assert_allclose(row, best, atol=1e-3)


def test_inverse_leads_back_through_the_map():
    rows = (
        KeyRow("blink", "eyeBlinkLeft"),
        KeyRow("blink", "eyeBlinkRight"),
        KeyRow("jaw", "jawOpen", 0.5, 0.1),
        KeyRow("up_l", "browInnerUp", 0.5),
        KeyRow("up_r", "browInnerUp", 0.5),
        KeyRow("other", "jawOpen", 3.0, mute=True),
        KeyRow("none", ""),
    )
    rig_map = RigMap(rows)
    values = {"blink": 0.7, "jaw": 0.4, "up_l": 0.6, "up_r": 0.6}
    table = evaluate(rig_map, values, HeadPose()).expression[None].astype(float)
    limits = dict.fromkeys(("blink", "jaw", "up_l", "up_r", "other", "none"), (0.0, 1.0))
    found = map_inverse.inverse_keys(rig_map, table, EVERYTHING, limits)
    assert {k: float(v[0]) for k, v in found.values.items()} == pytest.approx(values, abs=1e-4)
    assert found.left_out == found.short == ()


def test_limits_hold_and_are_reported():
    rig_map = RigMap((KeyRow("jaw", "jawOpen"), KeyRow("smile", "mouthSmileLeft")))
    table = wanted(jawOpen=[0.2, 0.9, -0.3], mouthSmileLeft=[0.1, 0.2, 0.3])
    limits = {"jaw": (-0.1, 0.5), "smile": (0.0, 1.0)}
    found = map_inverse.inverse_keys(rig_map, table, EVERYTHING, limits)
    np.testing.assert_allclose(found.values["jaw"], [0.2, 0.5, -0.1], atol=1e-5)
    np.testing.assert_allclose(found.values["smile"], [0.1, 0.2, 0.3], atol=1e-5)
    assert found.short == ("jawOpen",)


def test_what_no_row_serves_is_reported_and_the_rest_goes_on():
    rig_map = RigMap((KeyRow("jaw", "jawOpen"),))
    table = wanted(jawOpen=[0.2, 0.4], tongueOut=[0.0, 0.5])
    found = map_inverse.inverse_keys(rig_map, table, EVERYTHING, {"jaw": (0.0, 1.0)})
    assert found.left_out == ("tongueOut",)
    np.testing.assert_allclose(found.values["jaw"], [0.2, 0.4], atol=1e-5)


def test_expressions_that_stay_still_or_are_not_chosen_ask_for_no_key():
    rig_map = RigMap((KeyRow("jaw", "jawOpen"), KeyRow("brow", "browInnerUp")))
    limits = {"jaw": (0.0, 1.0), "brow": (0.0, 1.0)}
    table = wanted(jawOpen=[0.2, 0.4], browInnerUp=[0.0, 0.0])
    assert set(map_inverse.inverse_keys(rig_map, table, EVERYTHING, limits).values) == {"jaw"}
    table = wanted(jawOpen=[0.2, 0.4], browInnerUp=[0.1, 0.0])
    mouth = shaping.expression_mask(frozenset({"mouth"}))
    assert set(map_inverse.inverse_keys(rig_map, table, mouth, limits).values) == {"jaw"}


def test_a_visemes_other_effects_are_kept_in_balance():
    # "ah" opens the jaw and would funnel the lips, which the clip leaves alone.
    rig_map = RigMap((KeyRow("ah", "jawOpen"), KeyRow("ah", "mouthFunnel", 0.5),
                      KeyRow("flat", "mouthFunnel", -0.5)))  # fmt: skip
    limits = {"ah": (0.0, 1.0), "flat": (0.0, 1.0)}
    table = wanted(jawOpen=[0.0, 0.6])
    found = map_inverse.inverse_keys(rig_map, table, EVERYTHING, limits)
    assert found.values["ah"][1] < 0.6  # its funnel weighs too, and "flat" has no motion to serve
    assert found.short


def test_head_rows_are_inverted_too():
    rows = (
        BoneRow("rx", "pitch", 0.5, 0.1),
        BoneRow("rz", "yaw", -1.0),
        BoneRow("ry", "roll", 2.0),
    )
    rotation = np.array([[0.3, 0.2, 0.1], [0.1, -0.2, 0.4]])
    found = map_inverse.inverse_pose(rows, rotation, None)
    for turn, goal in zip(found.rotation, rotation, strict=True):
        seen = evaluate(RigMap((), rows), {}, HeadPose(tuple(turn)))
        np.testing.assert_allclose(seen.rotation, goal, atol=1e-6)
    assert found.translation is None
    fewer = map_inverse.inverse_pose(rows[:2], rotation, None)
    assert fewer.left_out == ("roll",)
    still = map_inverse.inverse_pose(default_bone_rows(), np.zeros((4, 3)), None)
    assert still.rotation is None


# --- fewer keys ---


def talking(count=250, seed=1):
    """Curves like those of a face: swells, blinks, holds and a tracker's tremble."""
    rng = np.random.default_rng(seed)
    time = np.arange(count) / 25.0
    swell = np.clip(np.sin(2.0 * np.pi * 1.3 * time) * np.sin(2.0 * np.pi * 0.31 * time), 0, 1)
    blink = sum(np.exp(-0.5 * ((time - at) / 0.05) ** 2) for at in (1.0, 3.7, 8.2))
    hold = np.clip((time - 4.0) * 3.0, 0.0, 0.7)
    return np.stack([swell, blink, hold], axis=1) + rng.normal(0.0, 0.002, (count, 3))


@pytest.mark.parametrize("tolerance", [0.01, 0.03])
def test_few_keys_stay_within_the_tolerance(tolerance):
    for curve in talking().T:
        keys = key_reduction.reduced(curve[:, None], tolerance)
        shown = key_reduction.evaluated(keys, np.arange(len(curve)))[:, 0]
        assert np.abs(shown - curve).max() <= tolerance * 1.0001
        assert len(keys) <= 0.35 * len(curve)
        assert keys.at[0] == 0
        assert keys.at[-1] == len(curve) - 1


def test_even_a_trembling_curve_keeps_to_a_third_of_the_frames():
    tremble = np.random.default_rng(3).normal(0.3, 0.015, (300, 1))
    keys = key_reduction.reduced(tremble, 0.01)
    shown = key_reduction.evaluated(keys, np.arange(300))
    assert np.abs(shown - tremble).max() <= 0.010001
    assert len(keys) <= 105


def test_a_larger_tolerance_takes_fewer_keys_and_none_takes_all():
    curve = talking()[:, :1]
    counts = [len(key_reduction.reduced(curve, t)) for t in (0.1, 0.05, 0.01, 0.0)]
    assert counts == sorted(counts)
    assert counts[-1] == len(curve)


def test_holds_take_two_keys_and_stillness_one():
    assert len(key_reduction.reduced(np.full((5000, 1), 0.4), 0.01)) == 1
    ramp = np.concatenate([np.zeros(200), np.linspace(0, 1, 20), np.ones(200)])
    assert len(key_reduction.reduced(ramp[:, None], 0.01)) <= 8
    assert len(key_reduction.reduced(np.array([[0.0], [1.0]]), 0.01)) == 2


def test_curves_of_a_rotation_share_their_frames():
    turns = np.stack([np.sin(np.arange(100) / 9.0), np.cos(np.arange(100) / 23.0)], axis=1)
    keys = key_reduction.reduced(turns, np.array([0.01, 0.02]))
    shown = key_reduction.evaluated(keys, np.arange(100))
    assert (np.abs(shown - turns).max(axis=0) <= (0.01001, 0.02001)).all()
    assert keys.value.shape == (len(keys), 2)
    assert len(keys) < 35


def test_between_frames_curves_do_not_swing_out():
    curve = talking(seed=4)[:, :1]
    keys = key_reduction.reduced(curve, 0.01)
    between = key_reduction.evaluated(keys, np.arange(0.0, 249.0, 0.1))[:, 0]
    assert between.min() > curve.min() - 0.05
    assert between.max() < curve.max() + 0.05
