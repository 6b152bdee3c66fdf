# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading rigs in Blender: pose signs, drivers, muted and absolute keys, missing parts."""

import math

import pytest

pytest.importorskip("bpy")
import bpy
from mathutils import Matrix, Vector
from rig_scenes import add_armature, add_face, graph, turn_bone

import bridge
from blender_addon.core.rig.rig_map import KeyRow, RigMap, default_bone_rows, evaluate
from blender_addon.data.rig_maps import key_names
from blender_addon.scene import sampling

pytestmark = pytest.mark.usefixtures("blender")

BONES = {
    "up": {},
    "up, rolled": {"roll": 1.1},
    "up, rolled back": {"roll": -2.6},
    "forward": {"direction": (0, -1, 0)},
    "forward, rolled": {"direction": (0, -1, 0), "roll": 0.9},
    "down": {"direction": (0, 0, -1)},
    "oblique": {"direction": (0.3, -0.5, 0.8), "roll": 2.0},
    "sideways": {"direction": (1, 0, 0)},
}
OBJECTS = {
    "plain": Matrix(),
    "moved": Matrix.Translation((3, -2, 5)),
    "turned": Matrix.Rotation(1.2, 4, "Z") @ Matrix.Rotation(-0.7, 4, "X"),
    "scaled": Matrix.Scale(100.0, 4),
}
# In armature space, for a character facing -Y: what an onlooker in front of it sees.
LOOKS_DOWN = Matrix.Rotation(0.3, 3, "X")
NOSE_TO_IMAGE_RIGHT = Matrix.Rotation(0.3, 3, "Z")
CROWN_TO_IMAGE_LEFT = Matrix.Rotation(-0.3, 3, "Y")


def _pose(armature, **settings):
    source = sampling.RigSource(None, armature, "head", **settings)
    return sampling.read_rig(source, graph()).pose


def test_the_test_turns_are_what_they_say():
    nose, crown = Vector((0.0, -1.0, 0.0)), Vector((0.0, 0.0, 1.0))
    assert (LOOKS_DOWN @ nose).z < -0.2
    assert (NOSE_TO_IMAGE_RIGHT @ nose).x > 0.2
    assert (CROWN_TO_IMAGE_LEFT @ crown).x < -0.2


@pytest.mark.parametrize("placed", OBJECTS)
@pytest.mark.parametrize("bone", BONES)
def test_pose_signs(bone, placed):
    armature = add_armature(**BONES[bone], matrix=OBJECTS[placed])
    at_rest = _pose(armature)
    assert at_rest.rotation == (0.0, 0.0, 0.0)
    assert at_rest.translation == (0.0, 0.0, 0.0)
    for turn, expected in (
        (LOOKS_DOWN, (0.3, 0.0, 0.0)),
        (NOSE_TO_IMAGE_RIGHT, (0.0, 0.3, 0.0)),
        (CROWN_TO_IMAGE_LEFT, (0.0, 0.0, 0.3)),
    ):
        turn_bone(armature, "head", turn)
        assert _pose(armature).rotation == pytest.approx(expected, abs=1e-4)
    turn_bone(armature, "head", CROWN_TO_IMAGE_LEFT @ NOSE_TO_IMAGE_RIGHT @ LOOKS_DOWN)
    assert _pose(armature).rotation == pytest.approx((0.3, 0.3, 0.3), abs=1e-4)


def test_the_neck_turns_and_shifts_the_head():
    armature = add_armature(roll=0.4)
    turn_bone(armature, "neck", LOOKS_DOWN)
    pose = _pose(armature)
    assert pose.rotation == pytest.approx((0.3, 0.0, 0.0), abs=1e-4)
    drop, forth = 0.1 * (1 - math.cos(0.3)), 0.1 * math.sin(0.3)
    eye = sampling.USUAL_EYE_DISTANCE
    assert pose.translation == pytest.approx((0.0, -drop / eye, forth / eye), abs=1e-3)


@pytest.mark.parametrize("placed", OBJECTS)
def test_translation_is_in_eye_distances(placed):
    armature = add_armature(direction=(0.2, 0.4, 1.0), roll=1.0, matrix=OBJECTS[placed])
    face = add_face()
    face.parent = armature
    face.scale = (0.5, 0.5, 0.5)
    bone = armature.pose.bones["head"]
    rest = bone.bone.matrix_local.copy()
    bone.matrix = Matrix.Translation((0.1, -0.2, 0.3)) @ rest
    source = sampling.RigSource(face, armature, "head", eye_distance=0.2)
    pose = sampling.read_rig(source, graph()).pose
    assert pose.translation == pytest.approx((1.0, 3.0, 2.0), abs=1e-3)
    assert pose.rotation == pytest.approx((0.0, 0.0, 0.0), abs=1e-5)


def test_scaling_the_bone_is_no_turn():
    armature = add_armature(direction=(0.2, 0.4, 1.0), roll=1.0)
    armature.pose.bones["head"].scale = (1.0, 2.0, 0.5)
    assert _pose(armature).rotation == pytest.approx((0.0, 0.0, 0.0), abs=1e-5)


def test_constraints_count():
    armature = add_armature()
    target = bpy.data.objects.new("Target", None)
    bpy.context.scene.collection.objects.link(target)
    rest = armature.data.bones["head"].matrix_local
    target.matrix_world = Matrix.Rotation(0.5, 4, "Z") @ rest
    constraint = armature.pose.bones["head"].constraints.new("COPY_ROTATION")
    constraint.target = target
    assert _pose(armature).rotation == pytest.approx((0.0, 0.5, 0.0), abs=1e-4)


@pytest.mark.parametrize("facing", ["POS_Y", "POS_X", "POS_Z_Y_UP"])
def test_other_facings_can_be_set(facing):
    armature = add_armature()
    turns = {
        "POS_Y": Matrix.Rotation(-0.3, 3, "X"),
        "POS_X": Matrix.Rotation(0.3, 3, "Y"),
        "POS_Z_Y_UP": Matrix.Rotation(0.3, 3, "X"),
    }
    turn_bone(armature, "head", turns[facing])
    assert _pose(armature, facing=facing).rotation == pytest.approx((0.3, 0, 0), abs=1e-4)


def test_an_imported_y_up_armature_is_recognised():
    armature = add_armature(matrix=Matrix.Rotation(math.pi / 2, 4, "X") @ Matrix.Scale(0.01, 4))
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    for bone in bones:
        bone.head, bone.tail = (0, bone.head.z * 100, 0), (0, bone.tail.z * 100, 0)
    for name, x in (("LeftHand", 60), ("RightHand", -60)):
        hand = bones.new(f"mixamorig:{name}")
        hand.head, hand.tail = (x, 90, 0), (x, 80, 0)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert sampling.resolved_facing(sampling.RigSource(None, armature, "head")) == "POS_Z_Y_UP"
    turn_bone(armature, "head", Matrix.Rotation(0.3, 3, "X"))
    assert _pose(armature).rotation == pytest.approx((0.3, 0, 0), abs=1e-4)


def test_keyframed_driven_and_muted_keys():
    face = add_face(("Basis", "keyed", "driven", "muted"))
    blocks = face.data.shape_keys.key_blocks
    blocks["keyed"].value = 0.0
    blocks["keyed"].keyframe_insert("value", frame=1)
    blocks["keyed"].value = 1.0
    blocks["keyed"].keyframe_insert("value", frame=11)
    driver = blocks["driven"].driver_add("value").driver
    variable = driver.variables.new()
    variable.targets[0].id_type = "KEY"
    variable.targets[0].id = face.data.shape_keys
    variable.targets[0].data_path = 'key_blocks["keyed"].value'
    driver.expression = f"{variable.name} * 0.5"
    blocks["muted"].value = 0.9
    blocks["muted"].mute = True
    bpy.context.scene.frame_set(6)
    values = sampling.read_rig(sampling.RigSource(face), graph()).key_values
    assert values["keyed"] == pytest.approx(0.5, abs=0.01)
    assert values["driven"] == pytest.approx(values["keyed"] * 0.5, abs=1e-5)
    assert values["muted"] == 0.0


def test_absolute_keys_are_read_by_evaluation_time():
    face = add_face(("Basis", "one", "two"))
    keys = face.data.shape_keys
    keys.use_relative = False
    frames = {block.name: block.frame for block in keys.key_blocks}
    keys.eval_time = 0.25 * frames["one"] + 0.75 * frames["two"]
    source = sampling.RigSource(face)
    values = sampling.read_rig(source, graph()).key_values
    assert values == pytest.approx({"Basis": 0.0, "one": 0.25, "two": 0.75}, abs=1e-4)
    assert "absolute" in sampling.problems(source)[0]
    keys.eval_time = frames["two"] + 100.0
    assert sampling.read_rig(source, graph()).key_values["two"] == pytest.approx(1.0)


def test_a_renamed_key_reads_as_rest_and_is_reported():
    from blender_addon.core.rig.rig_map import dead_rows

    face = add_face()
    rig_map = RigMap((KeyRow("jawOpen", "jawOpen"), KeyRow("smile", "mouthSmileLeft")))
    blocks = face.data.shape_keys.key_blocks
    blocks["jawOpen"].value = blocks["smile"].value = 0.8
    blocks["jawOpen"].name = "Jaw_Open"
    made = sampling.sample(sampling.RigSource(face), rig_map, graph())
    index = bridge.coefficients.EXPRESSION_INDEX
    assert made.expression[index["jawOpen"]] == 0.0
    assert made.expression[index["mouthSmileLeft"]] == pytest.approx(0.8)
    (dead,) = dead_rows(rig_map, key_names(face))
    assert dead.suggestion == "Jaw_Open"


def test_what_is_missing_reads_as_rest_and_is_reported():
    bare = add_face(keys=())
    curve = bpy.data.objects.new("Curve", bpy.data.curves.new("Curve", "CURVE"))
    armature = add_armature()
    resting = add_armature(name="Resting")
    resting.data.pose_position = "REST"
    source = sampling.RigSource
    for rig, word in (
        (source(None), "No face mesh"),
        (source(bare), "no shape keys"),
        (source(curve), "not a mesh"),
        (source(add_face(), curve, "head"), "not an armature"),
        (source(add_face(), armature, "skull"), '"skull"'),
        (source(add_face(), armature, ""), "No head bone"),
        (source(add_face(), resting, "head"), "Rest Position"),
    ):
        assert any(word in line for line in sampling.problems(rig)), word
        reading = sampling.read_rig(rig, graph())
        made = evaluate(RigMap(bones=default_bone_rows()), reading.key_values, reading.pose)
        assert made.is_zero()
    assert sampling.problems(source(add_face(), armature, "head")) == ()


def test_a_mesh_outside_the_view_layer_is_still_read():
    face = add_face()
    bpy.context.scene.collection.objects.unlink(face)
    face.data.shape_keys.key_blocks["jawOpen"].value = 0.5
    assert sampling.read_rig(sampling.RigSource(face), graph()).key_values["jawOpen"] == 0.5
