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

POSE_SOURCES: tuple[str, ...] = ("rx", "ry", "rz", "tx", "ty", "tz")
POSE_TARGETS: tuple[str, ...] = ("pitch", "yaw", "roll", "x", "y", "z")


@dataclass(frozen=True)
class KeyRow:
    """One shape key feeding one expression: ``expression += scale * value + offset``.

    Several rows may feed one expression (they add up) and one key may stand in several rows.

    Attributes
    ----------
    shape_key : str
        Name of the shape key on the face mesh.
    expression : str
        One of ``bridge.coefficients.EXPRESSION_NAMES``, or "" while the row is unmapped: it is
        shown to the user but has no effect.
    scale, offset : float
        Linear map of the key's evaluated value.
    mute : bool
        A muted row has no effect.
    confidence : float
        0..1, how sure automatic mapping was; 1 for rows made by hand.
    """

    shape_key: str
    expression: str
    scale: float = 1.0
    offset: float = 0.0
    mute: bool = False
    confidence: float = 1.0


@dataclass(frozen=True)
class BoneRow:
    """One axis of the head bone feeding one pose value: ``target += scale * source + offset``.

    Attributes
    ----------
    axis_source : str
        "rx", "ry", "rz": pitch, yaw, roll of the head bone relative to its rest pose, radians;
        "tx", "ty", "tz": its shift, in outer-eye-corner distances. All along the contract's axes
        (x image right, y up, z toward the viewer), whatever the roll of the bone.
    target : str
        "pitch", "yaw", "roll" (radians) or "x", "y", "z".
    scale, offset : float
        Linear map of the source.
    mute : bool
        A muted row has no effect.
    """

    axis_source: str
    target: str
    scale: float = 1.0
    offset: float = 0.0
    mute: bool = False


@dataclass(frozen=True)
class RigMap:
    """All rows of one rig."""

    keys: tuple[KeyRow, ...] = ()
    bones: tuple[BoneRow, ...] = ()


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
