# SPDX-License-Identifier: GPL-3.0-or-later
"""Rig maps that the user saved, one JSON file each in Blender's own presets folder."""

from __future__ import annotations

import re
from pathlib import Path

import bpy

from .. import bridge
from ..core.rig import map_file, rig_map

_SUFFIX = ".json"


def folder() -> Path:
    """Return the folder of the saved maps, which may not exist yet."""
    return Path(bpy.utils.user_resource("SCRIPTS", path="presets/heat/rig_map"))


def names() -> tuple[str, ...]:
    """Return the names of the saved maps, sorted."""
    place = folder()
    if not place.is_dir():
        return ()
    return tuple(sorted(entry.stem for entry in place.glob(f"*{_SUFFIX}")))


def path_of(name: str) -> Path:
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
    return folder() / f"{name}{_SUFFIX}"


def save(path: Path, rows: rig_map.RigMap) -> None:
    """Write a map to a file; an interrupted write leaves an older file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with bridge.whole_file.whole_file(path) as part:
        part.write_text(map_file.to_json(rows), encoding="utf-8")


def load(path: Path) -> rig_map.RigMap:
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
    return map_file.from_json(text)
