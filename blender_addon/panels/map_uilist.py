# SPDX-License-Identifier: GPL-3.0-or-later
"""The lists of the rig map's rows."""

from __future__ import annotations

from typing import Any

from bpy.types import UIList

from ..core.rig import expression_menu

# Below this the automatic map was guessing; the row shows it.
_UNSURE = 0.6


class HEAT_UL_key_rows(UIList):
    """Shape key -> expression, with mute, and a sign for rows that do nothing or are unsure."""

    def draw_item(
        self,
        _context: Any,
        layout: Any,
        data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        _index: int = 0,
        _flag: int = 0,
    ) -> None:
        """Draw one row: only text, since a sidebar leaves little room; details stand below."""
        row = layout.row(align=True)
        names = row.row(align=True)
        names.active = not item.mute
        sign = _sign_of(data, item)
        if item.shape_key.casefold() == item.expression.casefold():
            names.label(text=item.shape_key, icon=sign)  # the same twice would only be cut off
        else:
            names = names.split(factor=0.5, align=True)
            names.label(text=item.shape_key or "(none)", icon=sign)
            names.label(text=expression_menu.short(item.expression))
        row.prop(item, "mute", text="", emboss=False, icon="HIDE_ON" if item.mute else "HIDE_OFF")


class HEAT_UL_bone_rows(UIList):
    """Bone axis -> head pose."""

    def draw_item(
        self,
        _context: Any,
        layout: Any,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        _index: int = 0,
        _flag: int = 0,
    ) -> None:
        """Draw one row."""
        row = layout.row(align=True)
        row.active = not item.mute
        row.prop(item, "axis_source", text="", emboss=False)
        row.prop(item, "target", text="", emboss=False)
        row.prop(item, "mute", text="", emboss=False, icon="HIDE_ON" if item.mute else "HIDE_OFF")


def _sign_of(portrait: Any, row: Any) -> str:
    """Return an icon for a row that does nothing or is unsure, NONE for a sound one."""
    keys = getattr(getattr(portrait.mesh, "data", None), "shape_keys", None)
    if portrait.mesh is not None and (keys is None or row.shape_key not in keys.key_blocks):
        return "ERROR"
    return "QUESTION" if row.confidence < _UNSURE else "NONE"


CLASSES = (HEAT_UL_key_rows, HEAT_UL_bone_rows)
