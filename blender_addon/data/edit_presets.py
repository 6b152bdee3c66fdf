# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of edits: shipped, saved in the .blend, and files; made from portraits and applied."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import bridge
from . import edit_values

_SHIPPED = Path(__file__).with_name("presets")
_LONGEST_NAME = 60  # letters, so that menus show it whole


@lru_cache(maxsize=1)
def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped presets, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.json")))


def own_names(scene: Any) -> tuple[str, ...]:
    """Return the names of the presets that are saved with the .blend."""
    return tuple(preset.name for preset in scene.heat.edit_presets)


def find(scene: Any, name: str) -> bridge.edit_preset.Preset:
    """Return a preset by name: the .blend's, or else a shipped one.

    Raises
    ------
    BadInput
        There is no such preset.
    """
    own = scene.heat.edit_presets.get(name)
    if own is not None:
        return bridge.edit_preset.from_json(own.text)
    if name in shipped_names():
        return read(_SHIPPED / f"{name}.json")
    raise bridge.errors.BadInput(f'There is no edit preset "{name}"')


def of_portrait(portrait: Any, group: str = "") -> bridge.edit_preset.Preset:
    """Return a portrait's edits of one group, or of all.

    Raises
    ------
    BadInput
        They are all 0.
    """
    names = edit_values.names_of(portrait, group)
    groups = (group,) if group else bridge.edit_preset.GROUPS
    preset = bridge.edit_preset.of_values(edit_values.values(portrait, names), groups)
    if not preset.values and not preset.attributes:
        raise bridge.errors.BadInput("All these edits are 0: there is nothing to save yet")
    return preset


def apply(portrait: Any, preset: bridge.edit_preset.Preset) -> tuple[str, ...]:
    """Set a portrait's edits: those that the preset names, and the others of its groups to 0.

    Returns
    -------
    tuple of str
        Notes for the user.
    """
    for name in preset.attributes:
        edit_values.add_attribute(portrait, name)
    wanted: dict[str, float] = {}
    for group in preset.groups:
        wanted |= dict.fromkeys(edit_values.names_of(portrait, group), 0.0)
    wanted |= {**preset.values, **preset.attributes}
    edit_values.set_values(portrait, wanted)
    overwritten = edit_values.set_again(portrait, wanted)
    return (*preset.notes, overwritten) if overwritten else preset.notes


def save_in_blend(scene: Any, name: str, preset: bridge.edit_preset.Preset) -> str:
    """Save a preset in the .blend, replacing one of that name; return the name.

    Raises
    ------
    BadInput
        The name is empty or too long.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME:
        raise bridge.errors.BadInput(f"Give the preset a name of at most {_LONGEST_NAME} letters")
    saved = scene.heat.edit_presets.get(name) or scene.heat.edit_presets.add()
    saved.name, saved.text = name, bridge.edit_preset.to_json(preset)
    return name


def free_name(scene: Any, wanted: str, preset: bridge.edit_preset.Preset) -> str:
    """Return a name under which a preset replaces no other: with a number behind it at need."""
    text, name, number = bridge.edit_preset.to_json(preset), wanted.strip()[:_LONGEST_NAME], 0
    while (saved := scene.heat.edit_presets.get(name)) is not None and saved.text != text:
        number += 1
        name = f"{wanted.strip()[: _LONGEST_NAME - 4]}.{number:03d}"
    return name


def remove(scene: Any, name: str) -> None:
    """Remove a preset from the .blend.

    Raises
    ------
    BadInput
        It has none of that name.
    """
    index = scene.heat.edit_presets.find(name)
    if index < 0:
        raise bridge.errors.BadInput(f'This .blend has no edit preset "{name}" to delete')
    scene.heat.edit_presets.remove(index)


def read(path: Path) -> bridge.edit_preset.Preset:
    """Read a preset's file.

    Raises
    ------
    BadInput
        It is missing or is no preset; the message names the file.
    """
    try:
        if path.stat().st_size > bridge.edit_preset.MOST_BYTES:
            raise bridge.errors.BadInput("edit preset: far too large for one")
        return bridge.edit_preset.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise bridge.errors.BadInput(f'There is no file "{path.name}"') from None
    except UnicodeDecodeError:
        raise bridge.errors.BadInput(f"{path.name}: edit preset: this is no text file") from None
    except bridge.errors.BadInput as error:
        raise bridge.errors.BadInput(f"{path.name}: {error}") from None


def write(path: Path, preset: bridge.edit_preset.Preset) -> None:
    """Write a preset's file; an interrupted write leaves an older file as it was."""
    with bridge.whole_file.whole_file(path) as part:
        part.write_text(bridge.edit_preset.to_json(preset), encoding="utf-8")
