# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion lands on the rig: keyframes that give the clip back, on layers of their own."""

import numpy as np
import pytest

pytest.importorskip("bpy")

from blender_addon import versions
from tests.addon.motion_clips import (
    FPS,
    baked_strip,
    column,
    notes,
    performance,
    sampled,
    saved,
    strips_of,
)


def test_bake_gives_the_clip_back_and_its_curves_have_few_keys(rigged, blender, tmp_path):
    clip = performance()
    rigged.motion.path = saved(clip, tmp_path)
    assert blender.ops.heat.bake_motion() == {"FINISHED"}
    expression, rotation, _ = sampled(rigged, range(11, 261))
    # within 0.02, and the tolerance of the keys
    assert np.abs(expression - clip.expression).max() <= 0.03
    assert np.abs(rotation - clip.rotation).max() <= 0.03
    keys = rigged.mesh.data.shape_keys
    strip = baked_strip(keys)
    assert (strip.frame_start, strip.frame_end) == (11.0, 260.0)
    curves = versions.curves_of(strip)
    assert len(curves) == 52
    assert max(len(curve.keyframe_points) for curve in curves) <= 0.35 * len(clip)
    turning = versions.curves_of(baked_strip(rigged.armature))
    assert {curve.data_path for curve in turning} == {'pose.bones["head"].rotation_quaternion'}
    assert max(len(curve.keyframe_points) for curve in turning) <= 0.35 * len(clip)


def test_without_tolerance_the_clip_comes_back_exactly(rigged, blender, tmp_path):
    clip = performance(40)
    rigged.motion.path, rigged.motion.tolerance = saved(clip, tmp_path), 0.0
    head = rigged.armature.pose.bones["head"]
    for mode in ("QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE"):
        head.rotation_mode = mode
        blender.ops.heat.bake_motion()
        expression, rotation, _ = sampled(rigged, range(11, 51))
        assert np.abs(expression - clip.expression).max() < 1e-3
        assert np.abs(rotation - clip.rotation).max() < 1e-3, mode


def test_head_shift_lands_on_a_bone_that_can_shift(rigged, blender, tmp_path):
    clip = performance(30)
    rigged.motion.path, rigged.motion.use_shift = saved(clip, tmp_path), True
    blender.ops.heat.bake_motion()
    assert "connected to its parent" in notes(rigged)
    blender.context.view_layer.objects.active = rigged.armature
    blender.ops.object.mode_set(mode="EDIT")
    rigged.armature.data.edit_bones["head"].use_connect = False
    blender.ops.object.mode_set(mode="OBJECT")
    blender.ops.heat.bake_motion()
    _, rotation, translation = sampled(rigged, range(11, 41))
    assert np.abs(translation - clip.translation).max() <= 0.03
    assert np.abs(rotation - clip.rotation).max() <= 0.03


def test_before_and_after_the_motion_the_rig_is_as_it_was_set_by_hand(rigged, blender, tmp_path):
    blocks = rigged.mesh.data.shape_keys.key_blocks
    blocks["browInnerUp"].value = 0.25
    rigged.motion.path = saved(performance(20), tmp_path)
    blender.ops.heat.bake_motion()
    blender.ops.heat.bake_motion()
    expression, rotation, _ = sampled(rigged, [1, 500])
    expected = np.zeros(52)
    expected[column("browInnerUp")] = 0.25
    np.testing.assert_allclose(expression, [expected, expected], atol=1e-5)
    np.testing.assert_allclose(rotation, 0.0, atol=1e-5)


@pytest.mark.parametrize(("fps", "base"), [(24, 1.001), (30, 1.0)])
def test_motion_keeps_its_pace_at_the_scenes_rate(rigged, blender, tmp_path, fps, base):
    scene = blender.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    clip = performance(100)
    rigged.motion.path = saved(clip, tmp_path)
    blender.ops.heat.bake_motion()
    strip = baked_strip(rigged.mesh.data.shape_keys)
    assert strip.frame_end - strip.frame_start + 1 == pytest.approx(4.0 * fps / base, abs=0.6)
    frames = np.arange(11, 11 + int(3.9 * fps / base), 7)
    seconds = (frames - 11) * base / fps
    jaw = clip.expression[:, column("jawOpen")]
    expected = np.interp(seconds, np.arange(100) / FPS, jaw)
    shown = sampled(rigged, frames)[0][:, column("jawOpen")]
    np.testing.assert_allclose(shown, expected, atol=0.03)


def test_lip_sync_is_laid_over_hand_animation(rigged, blender, tmp_path):
    blocks = rigged.mesh.data.shape_keys.key_blocks
    for frame, brow, jaw in ((1, 0.0, 0.9), (60, 1.0, 0.9)):
        for name, value in (("browInnerUp", brow), ("jawOpen", jaw)):
            blocks[name].value = value
            blocks[name].keyframe_insert("value", frame=frame)
    for part in ("brows", "eyes", "cheeks", "nose", "head"):
        setattr(rigged.motion, f"take_{part}", False)
    clip = performance(30)
    rigged.motion.path = saved(clip, tmp_path)
    by_hand = sampled(rigged, [20, 45, 70])[0]
    blender.context.scene.frame_set(11)
    blender.ops.heat.bake_motion()
    assert "went down to an NLA strip below" in notes(rigged)
    both = sampled(rigged, [20, 45, 70])[0]
    jaw, brow = column("jawOpen"), column("browInnerUp")
    np.testing.assert_allclose(both[:, brow], by_hand[:, brow], atol=1e-5)
    assert both[0, jaw] == pytest.approx(clip.expression[9, jaw], abs=0.03)
    # after the motion, the hand's own jaw again
    np.testing.assert_allclose(both[1:, jaw], by_hand[1:, jaw], atol=1e-5)
    assert rigged.armature.animation_data is None


def test_only_named_expressions(rigged, blender, tmp_path):
    rigged.motion.path, rigged.motion.only = saved(performance(20), tmp_path), "jaw*"
    blender.ops.heat.bake_motion()
    paths = {c.data_path for c in versions.curves_of(baked_strip(rigged.mesh.data.shape_keys))}
    assert paths == {
        f'key_blocks["jaw{way}"].value' for way in ("Open", "Left", "Right", "Forward")
    }
    rigged.motion.only = "jawOpne"
    with pytest.raises(RuntimeError, match='"jawOpne" is not an expression'):
        blender.ops.heat.bake_motion()


def test_a_new_bake_replaces_only_its_own_strip(rigged, blender, tmp_path):
    keys = rigged.mesh.data.shape_keys
    rigged.motion.path = saved(performance(30), tmp_path)
    blender.ops.heat.bake_motion()
    other = saved(performance(20), tmp_path, "another.npz")
    rigged.motion.path = other
    blender.context.scene.frame_set(100)
    blender.ops.heat.bake_motion()
    # corrections by hand, on top of all
    action = blender.data.actions.new("corrections")
    curves, _, slot = versions.action_curves(action, keys, "Face")
    curves.new('key_blocks["jawOpen"].value').keyframe_points.insert(1, 0.77)
    keys.animation_data.action = action
    if slot is not None:
        keys.animation_data.action_slot = slot
    baked_strip(keys).influence = 0.5
    baked_strip(keys).blend_type = "ADD"
    before = [(s.name, s.frame_start, s.frame_end) for s in strips_of(keys)]
    actions = sorted(a.name for a in blender.data.actions)
    rigged.motion.path, rigged.motion.gain_mouth = str(tmp_path / "take one.npz"), 0.5
    blender.ops.heat.bake_motion()  # the playhead stands elsewhere: its own place is kept
    assert [(s.name, s.frame_start, s.frame_end) for s in strips_of(keys)] == before
    assert sorted(a.name for a in blender.data.actions) == actions
    assert keys.animation_data.action == action
    assert baked_strip(keys).influence == 0.5
    assert baked_strip(keys).blend_type == "ADD"
    jaw = next(c for c in versions.curves_of(baked_strip(keys)) if "jawOpen" in c.data_path)
    expected = 0.5 * performance(30).expression[14, column("jawOpen")]
    assert jaw.evaluate(25) == pytest.approx(expected, abs=0.011)


def test_a_moved_strip_stays_where_it_was_moved(rigged, blender, tmp_path):
    rigged.motion.path = saved(performance(30), tmp_path)
    blender.ops.heat.bake_motion()
    for id_block in (rigged.mesh.data.shape_keys, rigged.armature):
        baked_strip(id_block).frame_start_ui = 101.0
    blender.ops.heat.bake_motion()
    for id_block in (rigged.mesh.data.shape_keys, rigged.armature):
        strip = baked_strip(id_block)
        assert (strip.frame_start, strip.frame_end) == (101.0, 130.0)
        assert strip.action_frame_start == 101.0


def test_a_copy_of_the_strip_is_the_users_own(rigged, blender, tmp_path):
    keys = rigged.mesh.data.shape_keys
    rigged.motion.path = saved(performance(20), tmp_path)
    blender.ops.heat.bake_motion()
    first = baked_strip(keys)
    track = keys.animation_data.nla_tracks.new()
    copy = track.strips.new("again", 200, first.action)
    if versions.slot_of(first) is not None:
        copy.action_slot = first.action_slot
    copy.name = "again"
    before = sampled(rigged, [205])[0]
    for gain in (0.5, 0.4):
        rigged.motion.gain_mouth = rigged.motion.gain_brows = gain
        blender.ops.heat.bake_motion()
    np.testing.assert_allclose(sampled(rigged, [205])[0], before, atol=1e-5)
    assert [s.name for s in strips_of(keys) if s.name == "take one"] == ["take one"]


def test_without_the_head_a_new_bake_gives_it_back(rigged, blender, tmp_path):
    rigged.motion.path = saved(performance(20), tmp_path)
    blender.ops.heat.bake_motion()
    rigged.motion.take_head = False
    blender.ops.heat.bake_motion()
    assert "take one" not in [s.name for s in strips_of(rigged.armature)]
    assert np.abs(sampled(rigged, [20])[1]).max() < 1e-5


def test_undo_takes_back_one_bake(rigged, blender, tmp_path):
    blender.ops.ed.undo_push(message="rig")
    rigged.motion.path = saved(performance(20), tmp_path)
    blender.ops.heat.bake_motion("EXEC_DEFAULT", True)
    blender.ops.ed.undo_push(message="bake")
    blender.ops.ed.undo()
    portrait = blender.context.scene.heat.portraits[0]
    data = portrait.mesh.data.shape_keys.animation_data
    assert data is None or not len(data.nla_tracks)
