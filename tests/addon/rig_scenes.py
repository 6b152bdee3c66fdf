# SPDX-License-Identifier: GPL-3.0-or-later
"""Small rigs to read: armatures with awkward bones and a mesh with a few keys."""

import bpy
from mathutils import Matrix, Vector


def add_armature(*, direction=(0.0, 0.0, 1.0), roll=0.0, matrix=None, name="Rig"):
    """Add an armature with "neck" and "head"; the head bone points and rolls as told."""
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(armature)
    armature.matrix_world = matrix or Matrix()
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    neck = armature.data.edit_bones.new("neck")
    neck.head, neck.tail, neck.roll = (0, 0, 1.4), (0, 0, 1.5), 0.7
    head = armature.data.edit_bones.new("head")
    head.head, head.tail, head.roll = (0, 0, 1.5), Vector((0, 0, 1.5)) + Vector(direction), roll
    head.parent = neck
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def turn_bone(armature, bone, turn):
    """Turn a pose bone about its head, by a 3x3 matrix in armature space."""
    posed = armature.pose.bones[bone]
    start = posed.bone.matrix_local
    moved = turn.to_4x4() @ start.to_3x3().to_4x4()
    moved.translation = start.translation
    posed.matrix = moved
    bpy.context.view_layer.update()


def add_face(keys=("Basis", "jawOpen", "smile"), name="Face"):
    """Add a mesh of four vertices with shape keys."""
    data = bpy.data.meshes.new(name)
    data.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [], [(0, 1, 2, 3)])
    face = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(face)
    for key in keys:
        face.shape_key_add(name=key, from_mix=False)
    return face


def graph():
    """Return the evaluated dependency graph of the scene as it stands."""
    bpy.context.view_layer.update()
    return bpy.context.evaluated_depsgraph_get()
