# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of a portrait's edits: reading them evaluated, setting and keying them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import bridge
from ..core.edit import edit_groups
from . import property_animation
from .portraits import find_portrait

# Values nearer to 0 count as 0: rounding of drivers and f-curves, far below a visible edit.
_NEAR_ZERO = 1e-4


@dataclass(frozen=True)
class EditSource:
    """Reads a portrait's edits. Make a new one for each use: undo replaces the scene."""

    scene: Any
    uid: str

    def read(self, depsgraph: Any) -> dict[str, float]:
        """Return the evaluated edits that are not 0."""
        portrait = find_portrait(self.scene.evaluated_get(depsgraph), self.uid)
        return {} if portrait is None else values(portrait)


def source_of(portrait: Any) -> EditSource:
    """Return the `EditSource` of a portrait."""
    return EditSource(portrait.id_data, portrait.uid)


def values(portrait: Any, names: Iterable[str] | None = None) -> dict[str, float]:
    """Return the edits that are not 0, by name; of all, or of some.

    Parameters
    ----------
    portrait : HeatPortrait
        Of the scene, or of an evaluated scene.
    names : iterable of str, optional
        All edits and attributes without it.
    """
    edits = portrait.edits
    found = {edit.name: getattr(edits, edit.name) for edit in bridge.edits.EDITS}
    found |= {attribute.name: attribute.value for attribute in edits.attributes}
    wanted = found if names is None else names
    return {name: found[name] for name in wanted if abs(found.get(name, 0.0)) > _NEAR_ZERO}


def names_of(portrait: Any, group: str = "") -> tuple[str, ...]:
    """Return the names of a portrait's edits: those of a group's key, or all.

    Raises
    ------
    UsageError
        There is no such group.
    """
    if group and group not in edit_groups.GROUP_BY_KEY:
        keys = ", ".join(edit_groups.GROUP_BY_KEY)
        raise bridge.errors.UsageError(f'There is no group "{group}" of edits: there are {keys}')
    chosen = [edit_groups.GROUP_BY_KEY[group]] if group else edit_groups.GROUPS
    found: list[str] = []
    for one in chosen:
        if one.key == edit_groups.ATTRIBUTES:
            found += [attribute.name for attribute in portrait.edits.attributes]
        else:
            found += one.names
    return tuple(found)


def place(portrait: Any, name: str) -> tuple[Any, str]:
    """Return the owner and the name of the property of an edit.

    Raises
    ------
    BadInput
        There is no such edit; the message names the nearest.
    """
    if name in bridge.edits.EDIT_BY_NAME:
        return portrait.edits, name
    for attribute in portrait.edits.attributes:
        if attribute.name == name:
            return attribute, "value"
    bridge.edits.check_names([name])
    raise AssertionError  # the line above has raised


def add_attribute(portrait: Any, name: str) -> Any:
    """Return the attribute of a name, added with value 0 if it is missing.

    Raises
    ------
    BadInput
        The name is empty, too long, or that of an edit.
    """
    name = bridge.coefficients.check_edit_name(name, "attribute")
    if name in bridge.edits.EDIT_BY_NAME:
        raise bridge.errors.BadInput(f"{name} is an edit of its own, not an attribute")
    for attribute in portrait.edits.attributes:
        if attribute.name == name:
            return attribute
    added = portrait.edits.attributes.add()
    added.name = name
    return added


def set_values(portrait: Any, wanted: Mapping[str, float]) -> None:
    """Set edits, and key them if Auto Keying is on.

    Raises
    ------
    BadInput
        An edit is unknown; nothing was set.
    """
    scene = portrait.id_data
    places = [(place(portrait, name), value) for name, value in wanted.items()]
    keyed = scene.tool_settings.use_keyframe_insert_auto
    for (owner, field), value in places:
        if getattr(owner, field) != value:
            setattr(owner, field, value)
            if keyed:
                owner.keyframe_insert(field)


def set_again(portrait: Any, names: Iterable[str]) -> str | None:
    """Return a line on which of some edits keyframes or drivers will overwrite, or None."""
    scene = portrait.id_data
    held = property_animation.driven(scene)
    if not scene.tool_settings.use_keyframe_insert_auto:
        held |= property_animation.keyed(scene)
    paths = {name: property_animation.path_of(*place(portrait, name)) for name in names}
    found = sorted(name for name, path in paths.items() if path in held)
    return f"Keyframes or drivers will set again: {', '.join(found[:6])}" if found else None
