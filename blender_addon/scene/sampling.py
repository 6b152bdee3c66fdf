# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one rig from the evaluated depsgraph: shape key values and head pose of this moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import bridge
from ..core.rig.head_bone import AUTO, FACINGS, axes_of, guess_facing, head_pose
from ..core.rig.rig_map import HeadPose, RigMap, evaluate
from ..data import edit_values

# Mean outer-eye-corner distance of adults, metres: used until the mesh's own is known.
USUAL_EYE_DISTANCE = 0.09
_told_facing: dict[tuple[Any, ...], str] = {}


@dataclass(frozen=True)
class RigSource:
    """What to read. Make a new one for each use: it holds Blender objects, which undo replaces.

    Attributes
    ----------
    mesh : bpy.types.Object or None
        The face mesh with the shape keys.
    armature : bpy.types.Object or None
        The armature with the head bone.
    head_bone : str
        Name of the head bone, "" for none.
    facing : str
        "AUTO" or a key of ``facing.FACINGS``: which way the character looks in armature space.
    eye_distance : float
        Distance of the outer eye corners in the mesh's own units (before the object's scale), as
        ``map_object`` estimates it; 0 takes the usual adult's.
    edits : callable or None
        Given an evaluated depsgraph, returns the edits that are not 0, by name.
    """

    mesh: Any
    armature: Any = None
    head_bone: str = ""
    facing: str = AUTO
    eye_distance: float = 0.0
    edits: Callable[[Any], Mapping[str, float]] | None = None


@dataclass(frozen=True)
class RigReading:
    """One moment of one rig.

    Attributes
    ----------
    key_values : dict of str to float
        Value of each shape key as evaluated: drivers and animation count, muted keys read 0.
    pose : HeadPose
        Head pose relative to rest.
    """

    key_values: dict[str, float]
    pose: HeadPose


def read_rig(source: RigSource, depsgraph: Any) -> RigReading:
    """Read shape keys and head pose as evaluated; what is missing reads as rest.

    Parameters
    ----------
    source : RigSource
        What to read. See `problems` for why something reads as rest.
    depsgraph : bpy.types.Depsgraph
        An evaluated one, e.g. ``context.evaluated_depsgraph_get()``.
    """
    return RigReading(_read_keys(source.mesh, depsgraph), _read_pose(source, depsgraph))


def sample(source: RigSource, rig_map: RigMap, depsgraph: Any) -> bridge.coefficients.Coefficients:
    """Read the rig and the edits, and evaluate the map: the coefficients of this moment.

    Raises
    ------
    BadInput
        The map names an unknown expression or axis.
    """
    reading = read_rig(source, depsgraph)
    found = evaluate(rig_map, reading.key_values, reading.pose)
    edits = {} if source.edits is None else source.edits(depsgraph)
    return replace(found, edits=edits) if edits else found


def _read_keys(mesh: Any, depsgraph: Any) -> dict[str, float]:
    keys = shape_keys(mesh)
    if keys is None:
        return {}
    evaluated = keys.evaluated_get(depsgraph)
    blocks = evaluated.key_blocks
    names = [block.name for block in blocks]
    if not evaluated.use_relative:
        return dict(zip(names, _absolute_weights(evaluated), strict=True))
    values = np.empty(len(blocks), np.float32)
    mute = np.empty(len(blocks), bool)
    blocks.foreach_get("value", values)
    blocks.foreach_get("mute", mute)
    values[mute] = 0.0
    return dict(zip(names, values.tolist(), strict=True))


def _absolute_weights(keys: Any) -> list[float]:
    """Return how much each key shows in absolute mode, where time runs from key to key."""
    frames = np.array([block.frame for block in keys.key_blocks])
    order = np.argsort(frames, kind="stable")
    at = np.interp(keys.eval_time, frames[order], np.arange(len(frames)))
    weights = np.empty(len(frames))
    weights[order] = np.clip(1.0 - np.abs(np.arange(len(frames)) - at), 0.0, 1.0)
    return list(weights.tolist())


def _read_pose(source: RigSource, depsgraph: Any) -> HeadPose:
    if not _is_armature(source.armature):
        return HeadPose()
    evaluated = source.armature.evaluated_get(depsgraph)
    bone = evaluated.pose.bones.get(source.head_bone) if evaluated.pose else None
    if bone is None:
        return HeadPose()
    axes = axes_of(resolved_facing(source))
    return head_pose(bone.matrix, bone.bone.matrix_local, axes, armature_eye_distance(source))


def resolved_facing(source: RigSource) -> str:
    """Return the facing set, or the one that the armature's paired bones tell."""
    if source.facing in FACINGS or not _is_armature(source.armature):
        return source.facing if source.facing in FACINGS else "NEG_Y"
    data = source.armature.data
    head = data.bones.get(source.head_bone)
    if head is None:
        return "NEG_Y"
    # Reading hundreds of bones takes milliseconds: asked once for each rest pose of an armature.
    key = (data.session_uid, len(data.bones), head.name, tuple(head.head_local))
    if key not in _told_facing:
        heads = np.empty(len(data.bones) * 3, np.float32)
        data.bones.foreach_get("head_local", heads)
        if len(_told_facing) > 100:
            _told_facing.clear()
        names = data.bones.keys()
        _told_facing[key] = guess_facing(names, heads.reshape(-1, 3), source.head_bone)
    return _told_facing[key]


def armature_eye_distance(source: RigSource) -> float:
    """Return the outer-eye-corner distance in armature-space units, above 0."""
    size = _scale(source.armature.matrix_world)
    if source.eye_distance > 0.0 and source.mesh is not None:
        return source.eye_distance * _scale(source.mesh.matrix_world) / size
    return USUAL_EYE_DISTANCE / size


def _scale(matrix: Any) -> float:
    """Return the mean scale of an object's matrix, never 0."""
    volume = abs(matrix.to_3x3().determinant())
    return float(volume ** (1.0 / 3.0)) if volume > 1e-30 else 1.0


def shape_keys(mesh: Any) -> Any:
    """Return the ``Key`` data-block of a mesh object, or None."""
    if mesh is None or mesh.type != "MESH" or mesh.data is None:
        return None
    return mesh.data.shape_keys


def key_names(mesh: Any) -> tuple[str, ...]:
    """Return the names of a mesh object's shape keys but for the reference key (the "Basis")."""
    keys = shape_keys(mesh)
    if keys is None:
        return ()
    return tuple(block.name for block in keys.key_blocks if block != keys.reference_key)


def _is_armature(armature: Any) -> bool:
    return armature is not None and armature.type == "ARMATURE" and armature.data is not None


def problems(source: RigSource) -> tuple[str, ...]:
    """Say in plain lines why parts of a rig read as rest; empty when all is well."""
    return (*_mesh_problems(source.mesh), *_armature_problems(source))


def _mesh_problems(mesh: Any) -> list[str]:
    if mesh is None:
        return ["No face mesh is picked: only the head bone can drive the photo"]
    if _is_missing(mesh):
        return [_missing(mesh)]
    if mesh.type == "EMPTY" and mesh.instance_collection is not None:
        return [
            f'"{mesh.name}" is a linked collection: use Object > Library Override > Make, '
            "then pick the face mesh in it"
        ]
    if mesh.type != "MESH":
        return [f'"{mesh.name}" is not a mesh: pick the object that carries the shape keys']
    keys = mesh.data.shape_keys
    if keys is None or len(keys.key_blocks) < 2:
        return [f'"{mesh.name}" has no shape keys: pick the mesh that has them, or add some']
    found = []
    if not keys.use_relative:
        found.append(f'"{mesh.name}" uses absolute shape keys: they are read by evaluation time')
    if mesh.show_only_shape_key:
        found.append(f'"{mesh.name}" shows only its active shape key; Heat still reads all values')
    return found


def _is_missing(thing: Any) -> bool:
    """Tell whether an object or its data stands in for something in a file that is gone."""
    return bool(thing.is_missing or (thing.data is not None and thing.data.is_missing))


def _missing(thing: Any) -> str:
    return f'The linked file of "{thing.name}" is missing: relocate it in the Outliner'


def _armature_problems(source: RigSource) -> list[str]:
    armature = source.armature
    if armature is None:
        return []
    if _is_missing(armature):
        return [_missing(armature)]
    if not _is_armature(armature):
        return [f'"{armature.name}" is not an armature: the head will not turn']
    if not source.head_bone:
        return ["No head bone is chosen: the head will not turn"]
    if source.head_bone not in armature.data.bones:
        return [f'"{armature.name}" has no bone "{source.head_bone}": choose the head bone again']
    if armature.data.pose_position == "REST":
        return [f'"{armature.name}" is shown in its Rest Position: the head will not turn']
    return []


def rig_source(portrait: Any) -> RigSource:
    """Return what to sample for a portrait. Made anew for each use: undo replaces objects."""
    return RigSource(
        mesh=portrait.mesh,
        armature=portrait.armature,
        head_bone=portrait.head_bone,
        facing=portrait.facing,
        eye_distance=portrait.eye_distance,
        edits=edit_values.source_of(portrait).read,
    )


def rig_problems(portrait: Any) -> tuple[str, ...]:
    """Return in plain lines what keeps the rig from performing; empty when all is well."""
    if portrait.mesh is None and portrait.armature is None:
        return ()
    return problems(rig_source(portrait))
