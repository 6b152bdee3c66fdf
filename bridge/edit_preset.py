# SPDX-License-Identifier: GPL-3.0-or-later
"""Edit presets (``heat-edits``) as JSON: values of edits, and the groups that they replace."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import edits
from .errors import BadInput

FORMAT = "heat-edits"
VERSION = 1
MOST_BYTES = 1_000_000  # a preset of all edits has some 10 kB; a larger file is none
ATTRIBUTES = "attributes"
GROUPS = ("shape", "skin", "features", "light", ATTRIBUTES, "raw")
_FEATURES = frozenset(
    ("lip_colour", "lip_saturation", "eye_colour", "brow_darkness", "teeth_whiteness",
     "hair_lightness", "hair_hue")
)  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """Values of edits that are applied together.

    Attributes
    ----------
    groups : tuple of str
        Keys of the groups that it replaces: their edits that it does not name become 0.
    values : mapping of str to float
        Edits that are not 0, each in its range.
    attributes : mapping of str to float
        The same for attributes, whose names are an engine's.
    notes : tuple of str
        What was changed in reading, one line each.
    """

    groups: tuple[str, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def group_of(name: str) -> str:
    """Return the key of the group of an edit; a name that is no edit is an attribute's."""
    edit = edits.EDIT_BY_NAME.get(name)
    if edit is None:
        return ATTRIBUTES
    if edit.raw:
        return "raw"
    if edit.name in _FEATURES:
        return "features"
    return {edits.TEXTURE: "skin"}.get(edit.group, edit.group)


def of_values(values: Mapping[str, float], groups: tuple[str, ...]) -> Preset:
    """Return the preset of those values that are in some groups."""
    known = edits.EDIT_BY_NAME
    kept = {n: round(v, 5) for n, v in values.items() if group_of(n) in groups}
    return Preset(
        groups,
        {name: value for name, value in kept.items() if name in known},
        {name: value for name, value in kept.items() if name not in known},
    )


def to_json(preset: Preset) -> str:
    """Return the preset as JSON text, one value a line."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "groups": list(preset.groups),
        "values": dict(preset.values),
        "attributes": dict(preset.attributes),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Preset:
    """Read a preset written by `to_json`.

    Raises
    ------
    BadInput
        Not JSON, not a preset, of a newer version, or a bad field, which the message names.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad("this is no JSON file; choose one that Export Edit Preset wrote") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise _bad(f'field "format" must be "{FORMAT}"; choose a file of Export Edit Preset')
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad(f'field "version" must be a whole number from 1, not {str(version)[:40]!r}')
    if version > VERSION:
        raise _bad(f'field "version" is {version}, newer than {VERSION}: update the add-on')
    wanted = _table(data, "values")
    edits.check_names(wanted)
    values, notes = edits.usable(wanted)
    attributes = _table(data, "attributes")
    from .coefficients import check_edit_name  # it loads numpy, registration must not

    for name in attributes:
        check_edit_name(name, 'edit preset: field "attributes"')
        if name in edits.EDIT_BY_NAME:
            raise _bad(f'{name} is no attribute: it belongs into field "values"')
    return Preset(_groups(data), values, {n: v for n, v in attributes.items() if v}, notes)


def _groups(data: dict[str, Any]) -> tuple[str, ...]:
    found = data.get("groups", [])
    if not isinstance(found, list):
        raise _bad('field "groups" must be a list')
    for key in found:
        if key not in GROUPS:
            raise _bad(f'field "groups": {str(key)[:40]!r} is none of {", ".join(GROUPS)}')
    return tuple(found)


def _table(data: dict[str, Any], name: str) -> dict[str, float]:
    from .coefficients import MAX_EDITS

    found = data.get(name, {})
    if not isinstance(found, dict) or len(found) > MAX_EDITS:
        raise _bad(f'field "{name}" must be an object of names and numbers')
    for key, value in found.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or abs(value) > 1e6 or not math.isfinite(value):
            raise _bad(f'field "{name}": {key[:64]} must be a number, not {str(value)[:40]!r}')
    return {key: float(value) for key, value in found.items()}


def _bad(what: str) -> BadInput:
    return BadInput(f"edit preset: {what}")
