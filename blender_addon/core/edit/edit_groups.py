# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of edits as the panel shows them, and the labels of edits. No bpy here."""

from __future__ import annotations

from dataclasses import dataclass

from ... import bridge

ATTRIBUTES = bridge.edit_preset.ATTRIBUTES
# Labels that are not the name in title case.
_LABELS = {
    "lip_fullness_upper": "Upper Lip",
    "lip_fullness_lower": "Lower Lip",
    "light_direction_yaw": "Light Yaw",
    "light_direction_pitch": "Light Pitch",
    "ambient": "Ambient Light",
    "under_eye": "Eye Rings",
}
# Shorter labels for a narrow sidebar, where the group's title is above them.
_SHORT_LABELS = {
    "skin_tone": "Tone",
    "skin_warmth": "Warmth",
    "skin_evenness": "Evenness",
    "brow_darkness": "Brows",
    "teeth_whiteness": "Teeth",
    "lip_colour": "Lip Hue",
    "lip_saturation": "Lip Strength",
    "hair_lightness": "Hair Light",
    "light_direction_yaw": "Yaw",
    "light_direction_pitch": "Pitch",
    "light_amount": "Amount",
    "ambient": "Ambient",
    "cheek_fullness": "Cheeks",
    "forehead_height": "Forehead",
}


@dataclass(frozen=True)
class Group:
    """A group of edits.

    Attributes
    ----------
    key : str
        Its name in operators and preset files.
    label : str
        Its name in the panel.
    names : tuple of str
        Its edits; those of ``ATTRIBUTES`` are a portrait's own.
    """

    key: str
    label: str
    names: tuple[str, ...] = ()


def _group(key: str, label: str) -> Group:
    group_of = bridge.edit_preset.group_of
    return Group(key, label, tuple(e.name for e in bridge.edits.EDITS if group_of(e.name) == key))


GROUPS: tuple[Group, ...] = (
    _group("shape", "Shape"),
    _group("skin", "Skin"),
    _group("features", "Hair, Eyes & Mouth"),
    _group("light", "Light"),
    Group(ATTRIBUTES, "Attributes"),
    _group("raw", "Raw Identity"),
)
GROUP_BY_KEY: dict[str, Group] = {group.key: group for group in GROUPS}


def short_label(name: str) -> str:
    """Return the label of an edit below its group's title, short enough for a narrow sidebar."""
    return _SHORT_LABELS.get(name) or label(name)


def label(name: str) -> str:
    """Return the label of an edit without its group's title, as in the Graph Editor."""
    if name in _LABELS:
        return _LABELS[name]
    edit = bridge.edits.EDIT_BY_NAME.get(name)
    if edit is not None and edit.raw:
        return f"Component {int(name.rsplit('_', 1)[1])}"
    return name.replace("_", " ").strip().title() or name


def tooltip(edit: bridge.edits.Edit) -> str:
    """Return the tooltip of an edit: its meaning and unit."""
    meaning = edit.meaning[:1].upper() + edit.meaning[1:]
    return f"{meaning}. In {_UNITS.get(edit.unit, edit.unit)}; 0 leaves the photo as it is"


_UNITS = {"of the photo's": "parts of the photo's own"}
