# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a portrait as Blender keeps them, to and from the pure `RigMap`."""

from __future__ import annotations

from typing import Any

from ..core.rig import rig_map
from ..core.rig.expression_menu import UNMAPPED


def to_rig_map(portrait: Any) -> rig_map.RigMap:
    """Return the portrait's rows as a `RigMap`."""
    keys = tuple(
        rig_map.KeyRow(
            shape_key=row.shape_key,
            expression="" if row.expression == UNMAPPED else row.expression,
            scale=row.scale,
            offset=row.offset,
            mute=row.mute,
            confidence=row.confidence,
        )
        for row in portrait.key_rows
    )
    bones = tuple(
        rig_map.BoneRow(row.axis_source, row.target, row.scale, row.offset, row.mute)
        for row in portrait.bone_rows
    )
    return rig_map.RigMap(keys, bones)


def fill(portrait: Any, rows: rig_map.RigMap) -> None:
    """Replace the portrait's rows by those of a `RigMap`."""
    fill_keys(portrait, rows.keys)
    portrait.bone_rows.clear()
    for bone in rows.bones:
        row = portrait.bone_rows.add()
        row.axis_source = bone.axis_source
        row.target = bone.target
        row.scale = bone.scale
        row.offset = bone.offset
        row.mute = bone.mute


def fill_keys(portrait: Any, keys: tuple[rig_map.KeyRow, ...]) -> None:
    """Replace the portrait's shape key rows, leaving the bone rows alone."""
    portrait.key_rows.clear()
    for key in keys:
        row = portrait.key_rows.add()
        row.shape_key = key.shape_key
        row.expression = key.expression or UNMAPPED
        row.scale = key.scale
        row.offset = key.offset
        row.mute = key.mute
        row.confidence = key.confidence
    portrait.key_index = min(portrait.key_index, max(len(portrait.key_rows) - 1, 0))


def key_names(mesh: Any) -> tuple[str, ...]:
    """Return the names of a mesh object's shape keys without the basis; () when it has none."""
    data = getattr(mesh, "data", None)
    keys = getattr(data, "shape_keys", None)
    if keys is None:
        return ()
    return tuple(block.name for block in keys.key_blocks if block != keys.reference_key)


def row_complaints(portrait: Any) -> dict[int, str]:
    """Return, by row number, why a shape key row does nothing; rows that work are not in it."""
    if portrait.mesh is None:
        return {}
    dead = rig_map.dead_rows(to_rig_map(portrait), key_names(portrait.mesh))
    return {row.index: row.message for row in dead}


def state_line(portrait: Any) -> tuple[str, str]:
    """Return in words how much of the rig is mapped, and an icon."""
    rows, bones = len(portrait.key_rows), len(portrait.bone_rows)
    if not rows and not bones:
        return "No rows yet: Auto-Map fills them in", "INFO"
    dead = row_complaints(portrait)
    idle = sum(row.expression == UNMAPPED for row in portrait.key_rows) + len(dead)
    text = f"Mapped: {rows - idle} of {rows} shape keys, {bones} head bone rows"
    if idle:
        return f"{text}. For the others, see Rig Map", "ERROR" if dead else "INFO"
    return text, "CHECKMARK"
