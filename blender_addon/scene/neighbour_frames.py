# SPDX-License-Identifier: GPL-3.0-or-later
"""Coefficients of the frames around the current one, for engines that use a window of frames.

They are read from f-curves alone, which takes microseconds; evaluating the scene at 27 frames
would block Blender at every step. Where anything but f-curves moves the rig, there is no result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion, Vector

from .. import bridge, versions
from ..core.rig.head_bone import axes_of, head_pose
from ..core.rig.rig_map import HeadPose, RigMap, evaluate
from ..data.rig_maps import shape_keys
from .sampling import RigSource, armature_eye_distance, resolved_facing

Curves = dict[tuple[str, int], Any]

RADIUS = bridge.packing.NEIGHBOURS // 2
# Largest difference, in coefficients, radians or eye distances, between the curves and what Blender
# evaluated that float32 rounding explains; more means that something else moves the rig.
_AGREES = 1e-3


class _NotOnlyCurvesError(Exception):
    """Something other than f-curves moves the rig."""


def neighbours(
    source: RigSource,
    rig_map: RigMap,
    depsgraph: Any,
    now: bridge.coefficients.Coefficients,
    shot: tuple[int, int],
) -> tuple[bridge.coefficients.Coefficients, ...] | None:
    """Return the coefficients of the 27 frames around the current one.

    Parameters
    ----------
    source, rig_map, depsgraph
        As for ``sampling.sample``.
    now : Coefficients
        What that returned for the current frame.
    shot : (int, int)
        First and last frame that an export would render.

    Returns
    -------
    tuple of 27 Coefficients, or None
        None where f-curves do not determine them: with a driver, an NLA strip, a constraint, an
        animated parent of the head bone, or a value changed by hand. None as well where nothing
        is animated.
    """
    frames = window_frames(depsgraph.scene.frame_current_final, *shot)
    try:
        keys, keyed = _key_values(source, rig_map, depsgraph, frames)
        poses, posed = _head_poses(source, rig_map, depsgraph, frames)
    except _NotOnlyCurvesError:
        return None
    return window(rig_map, keys, poses, now) if keyed or posed else None


def window_frames(now: float, first: int, last: int) -> tuple[float, ...]:
    """Return the 27 frames around `now`; within a shot its first and last frame are repeated.

    Parameters
    ----------
    now : float
        The current frame.
    first, last : int
        The shot's frames; an export repeats the first and the last as well.
    """
    frames = now + np.arange(-RADIUS, RADIUS + 1)
    if first <= now <= last:
        frames = np.clip(frames, first, last)
    return tuple(frames.tolist())


def window(
    rig_map: RigMap,
    key_values: Sequence[Mapping[str, float]],
    poses: Sequence[HeadPose],
    now: bridge.coefficients.Coefficients,
) -> tuple[bridge.coefficients.Coefficients, ...] | None:
    """Evaluate the rig map on 27 frames.

    Parameters
    ----------
    rig_map : RigMap
        The rows.
    key_values : sequence of 27 mappings
        Value of each shape key.
    poses : sequence of 27 HeadPose
        Head pose relative to rest.
    now : Coefficients
        As sampled from the evaluated rig.

    Returns
    -------
    tuple of 27 Coefficients, or None
        None where the middle frame differs from `now`: a value was changed and not keyed, or
        something that the curves do not show moves the rig.

    Raises
    ------
    BadInput
        The map names an unknown expression or axis.
    """
    found = tuple(
        evaluate(rig_map, values, pose) for values, pose in zip(key_values, poses, strict=True)
    )
    middle = found[RADIUS]
    apart = max(
        float(np.abs(middle.expression - now.expression).max()),
        float(np.abs(middle.rotation - now.rotation).max()),
        float(np.abs(middle.translation - now.translation).max()),
    )
    return found if apart <= _AGREES else None


def _plain_curves(id_block: Any, prefixes: Sequence[str]) -> Curves:
    """Return the unmuted f-curves whose data path starts with one of `prefixes`."""
    data = id_block.animation_data
    if data is None:
        return {}
    starts = tuple(prefixes)
    if any(driver.data_path.startswith(starts) for driver in data.drivers):
        raise _NotOnlyCurvesError
    if data.use_tweak_mode or (data.use_nla and any(t.strips for t in data.nla_tracks)):
        raise _NotOnlyCurvesError
    return {
        (curve.data_path, curve.array_index): curve
        for curve in versions.curves_of(data)
        if curve.data_path.startswith(starts)
        and not curve.mute
        and not (curve.group is not None and curve.group.mute)
    }


def _evaluated(curves: Curves, path: str, index: int, value: float, frame: float) -> float:
    curve = curves.get((path, index))
    return value if curve is None else float(curve.evaluate(frame))


def _key_values(
    source: RigSource, rig_map: RigMap, depsgraph: Any, frames: Sequence[float]
) -> tuple[list[dict[str, float]], bool]:
    """Return the mapped shape keys' values at each frame, and whether any is animated."""
    keys = shape_keys(source.mesh)
    if keys is None:
        return [{} for _ in frames], False
    if not keys.use_relative:
        raise _NotOnlyCurvesError
    wanted = {row.shape_key for row in rig_map.keys if row.expression and not row.mute}
    blocks = [b for b in keys.evaluated_get(depsgraph).key_blocks if b.name in wanted]
    paths = {b.name: f'key_blocks["{bpy.utils.escape_identifier(b.name)}"].' for b in blocks}
    curves = _plain_curves(keys, tuple(paths.values())) if paths else {}
    if any(not path.endswith(".value") for path, _ in curves):
        raise _NotOnlyCurvesError  # such as an animated mute
    values: list[dict[str, float]] = [{} for _ in frames]
    for block in blocks:
        name, still, low, high = block.name, block.value, block.slider_min, block.slider_max
        curve = curves.get((paths[name] + "value", 0))
        if block.mute or curve is None:
            track = [0.0 if block.mute else still] * len(frames)
        else:
            track = [min(max(value, low), high) for value in map(curve.evaluate, frames)]
        for row, value in zip(values, track, strict=True):
            row[name] = value
    return values, bool(curves)


def _head_poses(
    source: RigSource, rig_map: RigMap, depsgraph: Any, frames: Sequence[float]
) -> tuple[list[HeadPose], bool]:
    """Return the head's pose at each frame, and whether the bone is animated."""
    armature = source.armature
    still = [HeadPose() for _ in frames], False
    if armature is None or armature.type != "ARMATURE" or all(row.mute for row in rig_map.bones):
        return still
    pose = armature.evaluated_get(depsgraph).pose
    head = pose.bones.get(source.head_bone) if pose else None
    if head is None:
        return still
    chain = [head, *head.parent_recursive]
    if armature.data.pose_position == "REST" or any(_is_constrained(bone) for bone in chain):
        raise _NotOnlyCurvesError
    paths = [f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].' for bone in chain]
    curves = _plain_curves(armature, paths)
    if any(not path.startswith(paths[0]) for path, _ in curves):
        raise _NotOnlyCurvesError
    axes = axes_of(resolved_facing(source))
    eye, rest = armature_eye_distance(source), head.bone.matrix_local
    bases = (_basis(head, curves, paths[0], frame) for frame in frames)
    return [head_pose(_posed(head, base), rest, axes, eye) for base in bases], bool(curves)


def _is_constrained(bone: Any) -> bool:
    """Return whether a constraint may move a pose bone: its own, or IK of its chain."""
    return bool(bone.is_in_ik_chain) or any(not one.mute for one in bone.constraints)


def _posed(bone: Any, basis: Any) -> Any:
    """Return a pose bone's matrix in armature space from its basis matrix."""
    rest = bone.bone.matrix_local
    if bone.parent is None:
        return bone.bone.convert_local_to_pose(basis, rest)
    return bone.bone.convert_local_to_pose(
        basis,
        rest,
        parent_matrix=bone.parent.matrix,
        parent_matrix_local=bone.parent.bone.matrix_local,
    )


def _basis(bone: Any, curves: Curves, path: str, frame: float) -> Any:
    """Return a pose bone's basis matrix at a frame."""

    def channel(name: str) -> list[float]:
        still = enumerate(getattr(bone, name))
        return [_evaluated(curves, path + name, index, value, frame) for index, value in still]

    place = Vector() if bone.bone.use_connect else Vector(channel("location"))
    if bone.rotation_mode == "QUATERNION":
        turn: Any = Quaternion(channel("rotation_quaternion")).normalized()
    elif bone.rotation_mode == "AXIS_ANGLE":
        angle, *axis = channel("rotation_axis_angle")
        turn = Quaternion(axis, angle)
    else:
        turn = Euler(channel("rotation_euler"), bone.rotation_mode)
    return Matrix.LocRotScale(place, turn, Vector(channel("scale")))
