# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples one rig from the evaluated depsgraph: shape key values, head pose, coefficients.

Also reports what keeps a rig from performing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import bridge
from ..core.rig.head_bone import AUTO, FACINGS, axes_of, guess_facing, head_pose
from ..core.rig.rig_map import HeadPose, RigMap, evaluate
from ..data import edit_values
from ..data.rig_maps import shape_keys

# Mean outer-eye-corner distance of adults, metres (biocular width, Farkas 1994: about 88 mm for
# women, 91 mm for men); used until the mesh's own is known.
USUAL_EYE_DISTANCE = 0.09
_guessed_facing: dict[tuple[Any, ...], str] = {}


@dataclass(frozen=True)
class RigSource:
    """The objects of a rig. Make a new one for each use: undo replaces Blender's objects.

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
    """Read evaluated shape keys and head pose; what is missing reads as rest.

    Parameters
    ----------
    source : RigSource
        The rig. See `problems` for why something reads as rest.
    depsgraph : bpy.types.Depsgraph
        An evaluated one, e.g. ``context.evaluated_depsgraph_get()``.
    """
    return RigReading(_read_keys(source.mesh, depsgraph), _read_pose(source, depsgraph))


def sample(source: RigSource, rig_map: RigMap, depsgraph: Any) -> bridge.coefficients.Coefficients:
    """Return the coefficients of this moment: rig and edits read, rig map evaluated.

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
    """Return each key's weight in absolute mode, where evaluation time goes from key to key."""
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
    """Return the facing that is set, or the one guessed from the armature's paired bones."""
    if source.facing in FACINGS or not _is_armature(source.armature):
        return source.facing if source.facing in FACINGS else "NEG_Y"
    data = source.armature.data
    head = data.bones.get(source.head_bone)
    if head is None:
        return "NEG_Y"
    # Reading hundreds of bones takes milliseconds: done once for each rest pose of an armature.
    key = (data.session_uid, len(data.bones), head.name, tuple(head.head_local))
    if key not in _guessed_facing:
        heads = np.empty(len(data.bones) * 3, np.float32)
        data.bones.foreach_get("head_local", heads)
        if len(_guessed_facing) > 100:
            _guessed_facing.clear()
        names = data.bones.keys()
        _guessed_facing[key] = guess_facing(names, heads.reshape(-1, 3), source.head_bone)
    return _guessed_facing[key]


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


def _is_armature(armature: Any) -> bool:
    return armature is not None and armature.type == "ARMATURE" and armature.data is not None


def problems(source: RigSource) -> tuple[str, ...]:
    """Return a line for each reason why parts of a rig read as rest."""
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
    """Return whether an object or its data is a placeholder for one in a missing library."""
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
    """Return the rig of a portrait; make it for each use, for undo replaces objects."""
    return RigSource(
        mesh=portrait.mesh,
        armature=portrait.armature,
        head_bone=portrait.head_bone,
        facing=portrait.facing,
        eye_distance=portrait.eye_distance,
        edits=edit_values.source_of(portrait).read,
    )


def rig_problems(portrait: Any) -> tuple[str, ...]:
    """Return `problems` of a portrait's rig; empty while no rig is chosen."""
    if portrait.mesh is None and portrait.armature is None:
        return ()
    return problems(rig_source(portrait))
