# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling a range of scene time: which times, what values, and the user's frame afterwards."""

from fractions import Fraction

import pytest

pytest.importorskip("bpy")
import bpy
from rig_scenes import add_face

import bridge
from blender_addon.core.rig.rig_map import KeyRow, RigMap
from blender_addon.scene.range_sampling import is_sampling, sample_range, sample_times, scene_fps
from blender_addon.scene.sampling import RigSource

pytestmark = pytest.mark.usefixtures("blender")
JAW = bridge.coefficients.EXPRESSION_INDEX["jawOpen"]


def _ramp():
    """Return a face whose jawOpen is frame / 100, straight, also before frame 0."""
    face = add_face()
    driver = face.data.shape_keys.key_blocks["jawOpen"].driver_add("value").driver
    driver.expression = "frame / 100"
    face.data.shape_keys.key_blocks["jawOpen"].slider_min = -1.0
    return face


def _run(face, times, budget=0.02):
    scene, layer = bpy.context.scene, bpy.context.view_layer
    rows = RigMap((KeyRow("jawOpen", "jawOpen"),))
    steps = list(sample_range(scene, layer, lambda: RigSource(face), rows, times, budget))
    assert [step.done for step in steps][-1] == steps[-1].total == len(times)
    return [float(c.expression[JAW]) for step in steps for c in step.coefficients], steps


def test_scene_rates():
    render = bpy.context.scene.render
    render.fps, render.fps_base = 24, 1.001
    assert scene_fps(bpy.context.scene) == Fraction(24000, 1001)
    render.fps, render.fps_base = 25, 1.0
    assert scene_fps(bpy.context.scene) == 25


@pytest.mark.parametrize(
    ("first", "last", "scene", "clip", "expected"),
    [
        (1, 4, 24, None, [1, 2, 3, 4]),
        (-2, 1, 24, 24, [-2, -1, 0, 1]),
        (0, 2, 24, 48, [0, Fraction(1, 2), 1, Fraction(3, 2), 2]),
        (0, 4, 60, 30, [0, 2, 4]),
        (7, 7, 24, None, [7]),
    ],
)
def test_times(first, last, scene, clip, expected):
    rate = None if clip is None else Fraction(clip)
    assert sample_times(first, last, Fraction(scene), rate) == expected


def test_times_do_not_drift_at_23_976():
    times = sample_times(1, 24001, Fraction(24000, 1001), Fraction(24))
    assert len(times) == 24025
    assert times[24024] == 1 + Fraction(24024 * 1000, 1001)


@pytest.mark.parametrize("clip", [Fraction(0), Fraction(-24)])
def test_nonsense_rates_are_refused(clip):
    with pytest.raises(bridge.errors.BadInput, match="frame rate"):
        sample_times(1, 2, Fraction(24), clip)


def test_an_empty_range_is_refused():
    with pytest.raises(bridge.errors.BadInput, match="frame range"):
        sample_times(5, 4, Fraction(24))


@pytest.mark.parametrize("budget", [0.0, 10.0])
def test_values_follow_the_frames_and_the_users_frame_returns(budget):
    face = _ramp()
    scene = bpy.context.scene
    scene.frame_set(17, subframe=0.5)
    values, steps = _run(face, sample_times(-3, 6, Fraction(24)), budget)
    assert values == pytest.approx([f / 100 for f in range(-3, 7)], abs=1e-5)
    assert len(steps) == (10 if budget == 0.0 else 1)
    assert (scene.frame_current, scene.frame_subframe) == (17, 0.5)
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.175, abs=1e-3)


def test_times_between_frames():
    face = add_face()
    block = face.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((-2, 0.0), (2, 1.0)):
        block.value = value
        block.keyframe_insert("value", frame=frame)
    times = sample_times(-2, 2, Fraction(24), Fraction(96))
    values, _ = _run(face, times)
    assert len(values) == 17
    assert values[0] == pytest.approx(0.0)
    assert values[8] == pytest.approx(0.5)
    assert values == sorted(values)


def test_handlers_can_tell_and_an_abandoned_run_restores_the_frame():
    face = _ramp()
    scene = bpy.context.scene
    scene.frame_set(9)
    seen = []

    def handler(*_):
        seen.append(is_sampling())

    bpy.app.handlers.frame_change_post.append(handler)
    rows = RigMap((KeyRow("jawOpen", "jawOpen"),))
    times = sample_times(1, 50, Fraction(24))
    run = sample_range(scene, bpy.context.view_layer, lambda: RigSource(face), rows, times, 0.0)
    next(run)
    run.close()
    bpy.app.handlers.frame_change_post.remove(handler)
    assert seen and all(seen)
    assert not is_sampling()
    assert scene.frame_current == 9


def test_a_failure_on_the_way_restores_the_frame():
    face = _ramp()
    bpy.context.scene.frame_set(9)
    rows = RigMap((KeyRow("jawOpen", "smirk"),))
    with pytest.raises(bridge.errors.BadInput):
        list(
            sample_range(
                bpy.context.scene,
                bpy.context.view_layer,
                lambda: RigSource(face),
                rows,
                [Fraction(1)],
            )
        )
    assert bpy.context.scene.frame_current == 9
    assert not is_sampling()
