# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig map: rows that turn one rig's shape keys and head bone into coefficients.

Plain data and numpy, no bpy here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ... import bridge

POSE_SOURCES, POSE_TARGETS = bridge.rig_map.POSE_SOURCES, bridge.rig_map.POSE_TARGETS
KeyRow = bridge.rig_map.KeyRow
BoneRow = bridge.rig_map.BoneRow
RigMap = bridge.rig_map.RigMap


@dataclass(frozen=True)
class HeadPose:
    """Head pose relative to rest, in the contract's axes.

    Attributes
    ----------
    rotation : tuple of 3 floats
        (pitch, yaw, roll), radians.
    translation : tuple of 3 floats
        (x, y, z), in outer-eye-corner distances.
    """

    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)


def default_bone_rows() -> tuple[BoneRow, ...]:
    """Return the six rows that pass the head bone's motion on unchanged."""
    pairs = zip(POSE_SOURCES, POSE_TARGETS, strict=True)
    return tuple(BoneRow(source, target) for source, target in pairs)


def evaluate(
    rig_map: RigMap, key_values: Mapping[str, float], pose: HeadPose
) -> bridge.coefficients.Coefficients:
    """Turn one frame's shape key values and head pose into coefficients.

    Parameters
    ----------
    rig_map : RigMap
        The rows. Muted and unmapped rows and rows whose key is missing have no effect.
    key_values : mapping of str to float
        Evaluated values of the mesh's shape keys.
    pose : HeadPose
        Head pose relative to rest.

    Returns
    -------
    Coefficients
        Not clamped: the receiver clamps and reports values beyond the contract's range.

    Raises
    ------
    BadInput
        A row names an expression, source or target that does not exist.
    """
    index = bridge.coefficients.EXPRESSION_INDEX
    expression = np.zeros(len(index), np.float32)
    for row in rig_map.keys:
        value = key_values.get(row.shape_key)
        if row.mute or not row.expression or value is None:
            continue
        if row.expression not in index:
            raise bridge.errors.BadInput(
                f'rig map: "{row.expression}" (row of shape key "{row.shape_key}") is not an '
                "expression; choose one from the list"
            )
        expression[index[row.expression]] += row.scale * value + row.offset
    moved = _pose_values(rig_map.bones, pose)
    return bridge.coefficients.Coefficients.of(
        expression=expression, rotation=tuple(moved[:3]), translation=tuple(moved[3:])
    )


def _pose_values(rows: Iterable[BoneRow], pose: HeadPose) -> list[float]:
    """Return [pitch, yaw, roll, x, y, z] by the bone rows."""
    source = (*pose.rotation, *pose.translation)
    moved = [0.0] * len(POSE_TARGETS)
    for row in rows:
        if row.mute:
            continue
        if row.axis_source not in POSE_SOURCES or row.target not in POSE_TARGETS:
            raise bridge.errors.BadInput(
                f'rig map: bone row "{row.axis_source}" -> "{row.target}" names an unknown axis; '
                f"sources are {', '.join(POSE_SOURCES)}, targets {', '.join(POSE_TARGETS)}"
            )
        value = source[POSE_SOURCES.index(row.axis_source)]
        moved[POSE_TARGETS.index(row.target)] += row.scale * value + row.offset
    return moved


@dataclass(frozen=True)
class DeadRow:
    """A row whose shape key is missing.

    Attributes
    ----------
    index : int
        Position in ``RigMap.keys``.
    shape_key : str
        The missing name.
    suggestion : str
        The key it was probably renamed to, or "".
    message : str
        A line for the panel.
    """

    index: int
    shape_key: str
    suggestion: str
    message: str


def dead_rows(rig_map: RigMap, existing_key_names: Iterable[str]) -> tuple[DeadRow, ...]:
    """Find rows whose shape key no longer exists on the mesh (renamed or removed).

    Parameters
    ----------
    rig_map : RigMap
        The rows.
    existing_key_names : iterable of str
        Names of the keys that the mesh has now.

    Returns
    -------
    tuple of DeadRow
        In the order of the rows; muted and unmapped rows are not reported.
    """
    existing = list(existing_key_names)
    known = set(existing)
    used = {row.shape_key for row in rig_map.keys}
    free = [name for name in existing if name not in used]
    found = []
    for i, row in enumerate(rig_map.keys):
        if row.shape_key in known or row.mute or not row.expression:
            continue
        suggestion = _renamed_to(row, free)
        hint = f'; was it renamed to "{suggestion}"?' if suggestion else ""
        message = (
            f'Shape key "{row.shape_key}" ({row.expression}) is not on the mesh any more{hint}'
        )
        found.append(DeadRow(i, row.shape_key, suggestion, message))
    return tuple(found)


def _renamed_to(row: KeyRow, free: list[str]) -> str:
    """Return the unused key whose name is nearest to the row's key or expression, or ""."""
    by_folded = {name.casefold(): name for name in free}
    for wanted in (row.shape_key, row.expression):
        near = difflib.get_close_matches(wanted.casefold(), by_folded, n=1, cutoff=0.75)
        if near:
            return by_folded[near[0]]
    return ""
