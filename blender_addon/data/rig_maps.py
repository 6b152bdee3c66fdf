# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig map of a portrait: its rows to and from `RigMap`, and rig maps saved as presets.

Presets are JSON files in Blender's own presets folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..core.rig import rig_map
from ..core.rig.expression_menu import UNMAPPED

_SUFFIX = ".json"


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


def row_complaints(portrait: Any) -> dict[int, str]:
    """Return, by row number, why a shape key row has no effect; rows that have one are left out."""
    if portrait.mesh is None:
        return {}
    dead = rig_map.dead_rows(to_rig_map(portrait), key_names(portrait.mesh))
    return {row.index: row.message for row in dead}


def state_line(portrait: Any) -> tuple[str, str]:
    """Return a line on how much of the rig is mapped, and its icon."""
    rows, bones = len(portrait.key_rows), len(portrait.bone_rows)
    if not rows and not bones:
        return "No rows yet: Auto-Map fills them in", "INFO"
    dead = row_complaints(portrait)
    idle = sum(row.expression == UNMAPPED for row in portrait.key_rows) + len(dead)
    text = f"Mapped: {rows - idle} of {rows} shape keys, {bones} head bone rows"
    if idle:
        return f"{text}. For the others, see Rig Map", "ERROR" if dead else "INFO"
    return text, "CHECKMARK"


def preset_folder() -> Path:
    """Return the folder of the saved maps, which may not exist yet."""
    return Path(bpy.utils.user_resource("SCRIPTS", path="presets/heat/rig_map"))


def preset_names() -> tuple[str, ...]:
    """Return the names of the saved maps, sorted."""
    place = preset_folder()
    if not place.is_dir():
        return ()
    return tuple(sorted(entry.stem for entry in place.glob(f"*{_SUFFIX}")))


def preset_path(name: str) -> Path:
    """Return the file of a saved map.

    Raises
    ------
    BadInput
        The name is empty or cannot be a file name.
    """
    name = name.strip()
    if not name or name.startswith(".") or re.search(r'[\\/:*?"<>|\x00-\x1f]', name):
        raise bridge.errors.BadInput(
            f'"{name}" cannot be a preset\'s name: use letters, digits, spaces, dashes'
        )
    return preset_folder() / f"{name}{_SUFFIX}"


def save_preset(path: Path, rows: rig_map.RigMap) -> None:
    """Write a map to a file; an interrupted write leaves an older file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with bridge.whole_file.whole_file(path) as part:
        part.write_text(bridge.rig_map.to_json(rows), encoding="utf-8")


def load_preset(path: Path) -> rig_map.RigMap:
    """Read a map from a file.

    Raises
    ------
    BadInput
        The file is missing or is no rig map; the message names the field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise bridge.errors.BadInput(f'There is no preset "{path.stem}"') from None
    except UnicodeDecodeError:
        raise bridge.errors.BadInput(f'"{path.name}" is not a rig map') from None
    return bridge.rig_map.from_json(text)
