# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames around the current one: from curves where only they count, else not at all."""

import pytest

import bridge
from blender_addon.core.rig.rig_map import HeadPose, KeyRow, RigMap, default_bone_rows, evaluate
from blender_addon.scene import neighbour_frames

MAP = RigMap((KeyRow("jawOpen", "jawOpen", 0.5, 0.1),), default_bone_rows())


def rising(at=0.0):
    return [{"jawOpen": at + 0.01 * i} for i in range(27)]


def test_the_map_is_evaluated_on_each_frame():
    poses = [HeadPose((0.0, 0.1 * i, 0.0)) for i in range(27)]
    now = evaluate(MAP, rising()[13], poses[13])
    found = neighbour_frames.window(MAP, rising(), poses, now)
    assert all(
        one.same_as(evaluate(MAP, values, pose))
        for one, values, pose in zip(found, rising(), poses, strict=True)
    )


def test_curves_that_do_not_tell_what_was_sampled_are_not_believed():
    still = [HeadPose()] * 27
    now = evaluate(MAP, {"jawOpen": 0.9}, HeadPose())
    assert neighbour_frames.window(MAP, rising(), still, now) is None
    turned = evaluate(MAP, rising()[13], HeadPose((0.0, 0.2, 0.0)))
    assert neighbour_frames.window(MAP, rising(), still, turned) is None


def test_a_shots_ends_are_repeated_as_in_an_export():
    assert neighbour_frames.window_frames(20, 1, 100) == tuple(range(7, 34))
    assert neighbour_frames.window_frames(1, 1, 100) == (1,) * 13 + tuple(range(1, 15))
    assert neighbour_frames.window_frames(99.5, 1, 100)[13:16] == (99.5, 100, 100)
    assert neighbour_frames.window_frames(200, 1, 100) == tuple(range(187, 214))


# In Blender


@pytest.fixture
def face(blender):
    from rig_scenes import add_face

    made = add_face(keys=("Basis", "jawOpen", 'a "smile"'))
    key = made.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (11, 0.2), (31, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    blender.context.scene.frame_set(15)
    return made


@pytest.fixture
def armature(blender):
    from rig_scenes import add_armature

    made = add_armature(direction=(0.3, -0.5, 0.8), roll=2.0)
    head = made.pose.bones["head"]
    head.rotation_mode = "XZY"
    for frame, angle in ((1, -0.3), (31, 0.4)):
        head.rotation_euler = angle, 0.5 * angle, -angle
        head.location = 0.0, 0.05 * angle, 0.02
        head.keyframe_insert("rotation_euler", frame=frame)
        head.keyframe_insert("location", frame=frame)
    blender.context.scene.frame_set(15)
    return made


ROWS = RigMap(
    (KeyRow("jawOpen", "jawOpen", 0.8), KeyRow('a "smile"', "mouthSmileLeft")),
    default_bone_rows(),
)


def around(face=None, armature=None, shot=(1, 250)):
    from rig_scenes import graph

    from blender_addon.scene import neighbour_frames, sampling

    source = sampling.RigSource(face, armature, "head" if armature else "")
    at = graph()
    return neighbour_frames.neighbours(source, ROWS, at, sampling.sample(source, ROWS, at), shot)


def assert_as_played(blender, found, face=None, armature=None, first=1):
    """Compare with what the rig reads as when each of the frames is set."""
    from rig_scenes import graph

    from blender_addon.scene import sampling

    source = sampling.RigSource(face, armature, "head" if armature else "")
    for frame, one in enumerate(found, start=15 - 13):
        blender.context.scene.frame_set(max(frame, first))
        wanted = sampling.sample(source, ROWS, graph())
        assert one.expression == pytest.approx(wanted.expression, abs=1e-5)
        assert one.rotation == pytest.approx(wanted.rotation, abs=1e-4)
        assert one.translation == pytest.approx(wanted.translation, abs=1e-3)


def test_keyed_shape_keys_and_head_read_as_when_played(blender, face, armature):
    found = around(face, armature, shot=(5, 250))
    assert len({one.expression.tobytes() for one in found}) == 24
    assert len({one.rotation.tobytes() for one in found}) == 24
    assert_as_played(blender, found, face, armature, first=5)


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE"])
def test_a_head_keyed_another_way_on_a_turned_neck(blender, armature, mode):
    armature.animation_data_clear()
    head, neck = armature.pose.bones["head"], armature.pose.bones["neck"]
    neck.rotation_mode = "XYZ"
    neck.rotation_euler = 0.3, 0.1, -0.2
    head.bone.inherit_scale = "NONE"
    head.bone.use_local_location = False
    head.rotation_mode = mode
    path = f"rotation_{mode.lower()}"
    for frame, values in ((1, (1.0, 0.2, 0.1, 0.0)), (31, (0.5, 0.0, 0.6, -0.3))):
        setattr(head, path, values)
        head.keyframe_insert(path, frame=frame)
    blender.context.scene.frame_set(15)
    assert_as_played(blender, around(armature=armature), armature=armature)


def test_a_rig_without_animation_has_none(blender, face):
    face.data.shape_keys.animation_data_clear()
    assert around(face) is None


def test_a_slider_moved_and_not_keyed_has_none(face):
    assert around(face) is not None
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    assert around(face) is None


def _driven(face, armature):
    face.data.shape_keys.key_blocks['a "smile"'].driver_add("value").driver.expression = "0.2"


def _driven_bone(face, armature):
    armature.pose.bones["head"].driver_add("location", 0).driver.expression = "0.1"


def _in_the_nla(face, armature):
    data = face.data.shape_keys.animation_data
    data.nla_tracks.new().strips.new("strip", 1, data.action)


def _constrained(face, armature):
    armature.pose.bones["neck"].constraints.new("COPY_ROTATION").target = face


def _neck_moves(face, armature):
    armature.pose.bones["neck"].keyframe_insert("location", frame=3)


def _mute_is_animated(face, armature):
    face.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("mute", frame=30)


@pytest.mark.parametrize(
    "change", [_driven, _driven_bone, _in_the_nla, _constrained, _neck_moves, _mute_is_animated]
)
def test_what_curves_do_not_tell_is_none(face, armature, change):
    assert around(face, armature) is not None
    change(face, armature)
    assert around(face, armature) is None


def test_limits_and_mutes_of_keys_count(blender, face):
    jaw = bridge.coefficients.EXPRESSION_INDEX["jawOpen"]
    key = face.data.shape_keys.key_blocks["jawOpen"]
    key.slider_max = 0.5
    found = around(face)
    assert max(one.expression[jaw] for one in found) == pytest.approx(0.4)
    assert_as_played(blender, found, face)
    blender.context.scene.frame_set(15)
    key.mute = True
    assert all(one.expression[jaw] == 0.0 for one in around(face))
