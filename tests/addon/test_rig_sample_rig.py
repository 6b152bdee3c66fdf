# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample rig, and mapping real objects: local, linked, overridden, with the file gone."""

import math

import numpy as np
import pytest

pytest.importorskip("bpy")
import bpy
from rig_scenes import add_armature, add_face, graph

import bridge
from blender_addon.scene import auto_mapping, head_rig, sampling
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES

pytestmark = pytest.mark.usefixtures("blender")


def _sampled(mesh, mapped):
    source = sampling.RigSource(
        mesh, mapped.armature, mapped.head_bone, mapped.facing, mapped.eye_distance
    )
    return sampling.sample(source, mapped.rig_map, graph())


def _shape(mesh):
    """Return the evaluated vertices in world space."""
    evaluated = mesh.evaluated_get(graph())
    data = evaluated.to_mesh()
    flat = np.empty(len(data.vertices) * 3, np.float32)
    data.vertices.foreach_get("co", flat)
    evaluated.to_mesh_clear()
    matrix = np.array(evaluated.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _part(name):
    model = bridge.face_model.load()
    return model.vertex_part == bridge.face_model.PART_NAMES.index(name)


def test_it_is_a_head_of_human_size_that_faces_minus_y():
    bpy.context.scene.cursor.location = (1.0, 2.0, 3.0)
    mesh, armature = head_rig.add_sample_rig(bpy.context)
    names = [block.name for block in mesh.data.shape_keys.key_blocks]
    assert names == ["Basis", *EXPRESSION_NAMES]
    assert [bone.name for bone in armature.data.bones] == ["neck", "head"]
    assert bpy.context.view_layer.objects.active == mesh
    assert bpy.context.selected_objects == [mesh]
    assert bpy.context.mode == "OBJECT"
    points = _shape(mesh)
    skull = points[_part("face") | _part("head")]
    assert np.ptp(skull[:, 2]) == pytest.approx(0.22, abs=0.001)
    assert points[:, 2].min() == pytest.approx(3.0, abs=1e-4)
    eyes = points[_part("eye_left") | _part("eye_right")].mean(axis=0)
    assert eyes[1] < 0.5 * (skull[:, 1].min() + skull[:, 1].max()) - 0.03
    assert points[_part("eye_left")].mean(axis=0)[0] > 1.0


def test_a_second_one_may_follow_even_from_edit_mode():
    first, _ = head_rig.add_sample_rig(bpy.context)
    bpy.ops.object.mode_set(mode="EDIT")
    second, _ = head_rig.add_sample_rig(bpy.context)
    assert first != second
    assert bpy.context.selected_objects == [second]


def test_it_stands_beside_what_is_at_the_cursor():
    bpy.ops.wm.read_factory_settings()  # the default cube is where the cursor is
    boxes = []
    for _ in range(2):
        mesh, armature = head_rig.add_sample_rig(bpy.context)
        boxes.append(_shape(mesh))
        assert bpy.context.view_layer.objects.active == mesh
        assert armature.location.z == 0.0
    assert boxes[0][:, 0].min() > 1.0 and boxes[0][:, 0].max() < 2.0
    assert boxes[0][:, 0].max() < boxes[1][:, 0].min() < boxes[0][:, 0].max() + 0.2


def test_it_stands_in_a_room_and_on_a_ground_at_the_cursor():
    bpy.ops.mesh.primitive_cube_add(size=8.0, location=(0.0, 0.0, 4.0))
    bpy.ops.mesh.primitive_plane_add(size=2.0)
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    bpy.context.object.hide_set(True)
    _, armature = head_rig.add_sample_rig(bpy.context)
    assert tuple(armature.location) == (0.0, 0.0, 0.0)


def test_solid_view_shows_where_the_eyes_look():
    mesh, _ = head_rig.add_sample_rig(bpy.context)
    points = _shape(mesh)
    colours, centres = {}, {}
    for i, material in enumerate(mesh.data.materials):
        faces = [f for f in mesh.data.polygons if f.material_index == i]
        assert faces, material.name
        colours[material.name] = np.array(material.diffuse_color[:3])
        used = sorted({v for f in faces for v in f.vertices})
        centres[material.name] = points[used]
    assert colours["Heat Pupil"].max() < 0.01 < 0.7 < colours["Heat Eye White"].min()
    assert np.abs(colours["Heat Iris"] - colours["Heat Eye White"]).min() > 0.5
    assert np.abs(colours["Heat Lips"] - colours["Heat Skin"]).max() > 0.2
    # The pupils lie in front of the whites, within the irises.
    assert centres["Heat Pupil"][:, 1].max() < centres["Heat Eye White"][:, 1].mean()
    for side in (1, -1):
        pupil, iris = (
            part[part[:, 0] * side > 0] for part in (centres["Heat Pupil"], centres["Heat Iris"])
        )
        assert np.linalg.norm(pupil.mean(axis=0) - iris.mean(axis=0)) < 0.001
        assert np.ptp(pupil[:, 0]) < 0.6 * np.ptp(iris[:, 0])
    assert len(centres["Heat Lips"]) > 100
    eyes = points[_part("eye_left")]
    assert centres["Heat Lips"][:, 2].max() < eyes[:, 2].min() - 0.01  # brows are no lips
    assert (centres["Heat Lashes"][:, 2] > eyes[:, 2].max()).any()


def test_eyes_turn_with_the_look_keys():
    mesh, _ = head_rig.add_sample_rig(bpy.context)
    model = bridge.face_model.load()
    eye = _part("eye_left")
    front = eye & (model.vertices[:, 2] > model.vertices[eye, 2].max() - 0.05)
    before = _shape(mesh)[front].mean(axis=0)
    for name, axis, sign in (
        ("eyeLookOutLeft", 0, 1),
        ("eyeLookInLeft", 0, -1),
        ("eyeLookUpLeft", 2, 1),
        ("eyeLookDownLeft", 2, -1),
    ):
        block = mesh.data.shape_keys.key_blocks[name]
        block.value = 1.0
        moved = _shape(mesh)[front].mean(axis=0) - before
        block.value = 0.0
        assert moved[axis] * sign > 0.003


def test_bones_move_head_and_neck_but_not_the_bust():
    mesh, armature = head_rig.add_sample_rig(bpy.context)
    before = _shape(mesh)
    bone = armature.pose.bones["head"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.5, 0.0, 0.0)
    moved = np.linalg.norm(_shape(mesh) - before, axis=1)
    assert moved[_part("face")].mean() > 0.02
    bust = _part("neck") & (before[:, 2] < before[:, 2].min() + 0.02)
    assert moved[bust].max() < 0.15 * moved[_part("face")].mean()
    weights = head_rig.head_weights(bridge.face_model.load())
    assert weights[_part("face")].min() == 1.0
    middle = weights[_part("neck")]
    assert ((middle > 0.2) & (middle < 0.8)).mean() > 0.1


def test_auto_map_makes_it_perform():
    mesh, armature = head_rig.add_sample_rig(bpy.context)
    mapped = auto_mapping.map_object(mesh)
    assert mapped.armature == armature
    assert mapped.head_bone == "head"
    assert mapped.preset == "ARKit"
    corners = bridge.face_model.load()
    unit = 0.22 / np.ptp(corners.vertices[_part("face") | _part("head"), 1])
    assert mapped.eye_distance == pytest.approx(unit, rel=0.06)
    assert _sampled(mesh, mapped).is_zero()
    mesh.data.shape_keys.key_blocks["mouthSmileLeft"].value = 0.6
    bone = armature.pose.bones["head"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.2, -0.1, 0.05)
    made = _sampled(mesh, mapped)
    assert made.expression[EXPRESSION_INDEX["mouthSmileLeft"]] == pytest.approx(0.6)
    assert np.count_nonzero(made.expression) == 1
    turn = bridge.pose.rotation_matrix(made.rotation)
    assert np.arccos((np.trace(turn) - 1) / 2) == pytest.approx(
        bone.matrix_basis.to_quaternion().angle, abs=1e-5
    )


def test_renamed_keys_are_found_by_shape():
    mesh, _ = head_rig.add_sample_rig(bpy.context)
    mesh.scale = (40.0, 40.0, 40.0)
    for i, block in enumerate(mesh.data.shape_keys.key_blocks[1:]):
        block.name = f"Key {(i * 7) % 52}"
    truth = {f"Key {(i * 7) % 52}": name for i, name in enumerate(EXPRESSION_NAMES)}
    mapped = auto_mapping.map_object(mesh)
    right = [r for r in mapped.rig_map.keys if r.expression == truth[r.shape_key] and not r.mute]
    assert len(right) >= 50
    assert not auto_mapping.map_object(mesh, use_geometry=False).rig_map.keys[0].expression


def test_a_key_relative_to_another_is_compared_with_that():
    mesh, _ = head_rig.add_sample_rig(bpy.context)
    blocks = mesh.data.shape_keys.key_blocks
    base, wink = blocks["jawOpen"], blocks["eyeBlinkLeft"]
    flat, rest = (np.empty(len(mesh.data.vertices) * 3, np.float32) for _ in range(2))
    wink.points.foreach_get("co", flat)
    blocks["Basis"].points.foreach_get("co", rest)
    on_base = np.empty_like(flat)
    base.points.foreach_get("co", on_base)
    wink.points.foreach_set("co", on_base + flat - rest)
    wink.relative_key = base
    wink.name = "mystery"
    mapped = auto_mapping.map_object(mesh)
    (row,) = [row for row in mapped.rig_map.keys if row.shape_key == "mystery"]
    assert row.expression == "eyeBlinkLeft"


def test_linked_and_overridden_rigs(tmp_path):
    _save_library(tmp_path)
    instance, linked = _link(tmp_path)
    assert "Library Override" in sampling.problems(sampling.RigSource(instance))[0]
    mapped = auto_mapping.map_object(linked.objects[head_rig.MESH_NAME])
    assert len(mapped.rig_map.keys) == 52
    assert mapped.head_bone == "head"
    scene, layer = bpy.context.scene, bpy.context.view_layer
    override = linked.override_hierarchy_create(scene, layer, reference=instance)
    mesh = next(o for o in override.all_objects if o.type == "MESH")
    assert mesh.override_library is not None
    mapped = auto_mapping.map_object(mesh)
    assert mapped.armature.override_library is not None
    bone = mapped.armature.pose.bones["head"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.25, 0.0, 0.0)
    assert sampling.problems(sampling.RigSource(mesh, mapped.armature, "head")) == ()
    assert _sampled(mesh, mapped).rotation == pytest.approx((0.25, 0.0, 0.0), abs=1e-5)


def test_a_missing_library_is_reported(tmp_path):
    library = _save_library(tmp_path)
    instance, linked = _link(tmp_path)
    scene, layer = bpy.context.scene, bpy.context.view_layer
    linked.override_hierarchy_create(scene, layer, reference=instance)
    shot = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(shot))
    library.unlink()
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    mesh = next(o for o in bpy.data.objects if o.type == "MESH")
    armature = next(o for o in bpy.data.objects if o.type == "ARMATURE")
    source = sampling.RigSource(mesh, armature, "head")
    assert all("missing" in line for line in sampling.problems(source))
    assert sampling.read_rig(source, graph()).key_values == {}
    for lost in (mesh, next(o for o in bpy.data.objects if o.is_missing)):
        with pytest.raises(bridge.errors.BadInput, match="missing"):
            auto_mapping.map_object(lost)


def _save_library(folder):
    head_rig.add_sample_rig(bpy.context)
    path = folder / "héros library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


def _link(folder):
    path = str(folder / "héros library.blend")
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.collections = [head_rig.COLLECTION_NAME]
    collection = bpy.data.collections[head_rig.COLLECTION_NAME]
    instance = bpy.data.objects.new("Hero", None)
    instance.instance_type = "COLLECTION"
    instance.instance_collection = collection
    bpy.context.scene.collection.objects.link(instance)
    return instance, collection


def test_mapping_what_has_no_keys_or_no_armature():
    mapped = auto_mapping.map_object(add_face(keys=()))
    assert mapped.rig_map.keys == ()
    assert "no shape keys" in mapped.notes[0]
    assert any("No armature" in line for line in mapped.notes)
    mapped = auto_mapping.map_object(None, add_armature())
    assert mapped.head_bone == "head"
    assert len(mapped.rig_map.bones) == 6
    nameless = add_armature(name="Nameless")
    for bone in nameless.data.bones:
        bone.name = f"b {bone.name[0]}"
    mapped = auto_mapping.map_object(add_face(), nameless)
    assert mapped.head_bone == ""
    assert any("choose it by hand" in line for line in mapped.notes)
    with pytest.raises(bridge.errors.BadInput, match="not a mesh"):
        auto_mapping.map_object(nameless)


def test_the_armature_is_found_by_modifier_and_by_parents():
    face, armature = add_face(), add_armature()
    modifier = face.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    assert auto_mapping.find_armature(face) == armature
    child = add_face(name="Lashes")
    child.parent = add_face(name="Group")
    child.parent.parent = armature
    assert auto_mapping.find_armature(child) == armature
    assert auto_mapping.find_armature(add_face(name="Alone")) is None


def test_the_tree_finds_the_same_neighbours():
    rng = np.random.default_rng(0)
    points, queries = rng.normal(size=(9000, 3)), rng.normal(size=(2400, 3))
    distance, index = auto_mapping.tree_neighbours(points, queries, 2)
    brute = auto_mapping.brute_neighbours(points, queries, 2)
    assert math.isclose(np.abs(distance - brute[0]).max(), 0.0, abs_tol=1e-3)
    assert (index == brute[1]).mean() > 0.999
