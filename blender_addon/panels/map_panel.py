# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of the rig map and the lists of its rows."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel, UIList

from .. import text_lines
from ..core.rig import expression_menu
from ..data.portraits import active_portrait
from .heat_tab import HeatTabPanel, PortraitPanel, RowList

# Modules that load numpy are imported in functions, so that Blender starts without them.

# Rows of the automatic map that are less certain than this (0..1) are marked; tuned by eye.
_UNSURE = 0.6


class HEAT_UL_key_rows(RowList, UIList):
    """Shape key -> expression, with mute, and a sign for rows that do nothing or are unsure."""

    def draw_row(self, layout: Any, owner: Any, item: Any) -> None:
        """Draw one row: only text, since a sidebar leaves little room; details stand below."""
        row = layout.row(align=True)
        names = row.row(align=True)
        names.active = not item.mute
        sign = _sign_of(owner, item)
        if item.shape_key.casefold() == item.expression.casefold():
            names.label(text=item.shape_key, icon=sign)  # the same twice would only be cut off
        else:
            names = names.split(factor=0.5, align=True)
            names.label(text=item.shape_key or "(none)", icon=sign)
            names.label(text=expression_menu.short(item.expression))
        row.prop(item, "mute", text="", emboss=False, icon="HIDE_ON" if item.mute else "HIDE_OFF")


class HEAT_UL_bone_rows(RowList, UIList):
    """Bone axis -> head pose."""

    def draw_row(self, layout: Any, _owner: Any, item: Any) -> None:
        """Draw one row."""
        row = layout.row(align=True)
        row.active = not item.mute
        row.prop(item, "axis_source", text="", emboss=False)
        row.prop(item, "target", text="", emboss=False)
        row.prop(item, "mute", text="", emboss=False, icon="HIDE_ON" if item.mute else "HIDE_OFF")


class HEAT_PT_map(PortraitPanel, Panel):
    """Shape key rows of the active portrait."""

    bl_label = "Rig Map"
    bl_idname = "HEAT_PT_map"
    bl_order = 7
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw the rows."""
        from ..data import rig_maps

        layout = self.layout
        portrait = active_portrait(context.scene)
        text_lines.draw(layout, context, *rig_maps.state_line(portrait))
        # The list gets the whole width: two names stand in each row.
        layout.template_list(
            "HEAT_UL_key_rows", "", portrait, "key_rows", portrait, "key_index", rows=4
        )
        row = layout.row(align=True)
        row.operator("heat.map_row_add", text="Add", icon="ADD").kind = "KEY"
        row.operator("heat.map_row_remove", text="Remove", icon="REMOVE").kind = "KEY"
        if 0 <= portrait.key_index < len(portrait.key_rows):
            _draw_key_row(layout, portrait, portrait.key_rows[portrait.key_index])
        _draw_complaints(layout, context, portrait)


class HEAT_PT_map_bone(HeatTabPanel, Panel):
    """Head bone rows of the active portrait."""

    bl_label = "Head Bone Rows"
    bl_idname = "HEAT_PT_map_bone"
    bl_parent_id = "HEAT_PT_map"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw the rows."""
        portrait = active_portrait(context.scene)
        row = self.layout.row()
        row.template_list(
            "HEAT_UL_bone_rows", "", portrait, "bone_rows", portrait, "bone_index", rows=4
        )
        side = row.column(align=True)
        side.operator("heat.map_row_add", text="", icon="ADD").kind = "BONE"
        side.operator("heat.map_row_remove", text="", icon="REMOVE").kind = "BONE"
        if 0 <= portrait.bone_index < len(portrait.bone_rows):
            bone = portrait.bone_rows[portrait.bone_index]
            row = self.layout.row(align=True)
            row.prop(bone, "scale")
            row.prop(bone, "offset")


def _sign_of(portrait: Any, row: Any) -> str:
    """Return an icon for a row that does nothing or is unsure, NONE for a sound one."""
    keys = getattr(getattr(portrait.mesh, "data", None), "shape_keys", None)
    if portrait.mesh is not None and (keys is None or row.shape_key not in keys.key_blocks):
        return "ERROR"
    return "QUESTION" if row.confidence < _UNSURE else "NONE"


def _draw_key_row(layout: Any, portrait: Any, row: Any) -> None:
    column = layout.column(align=True)
    keys = getattr(getattr(portrait.mesh, "data", None), "shape_keys", None)
    if keys is not None:
        column.prop_search(row, "shape_key", keys, "key_blocks", text="")
    else:
        column.prop(row, "shape_key", text="")
    column.prop(row, "expression", text="")
    numbers = column.row(align=True)
    numbers.prop(row, "scale")
    numbers.prop(row, "offset")
    if row.confidence < 1.0:
        column.label(text=f"Automatic match, {row.confidence:.0%} sure")


def _draw_complaints(layout: Any, context: Any, portrait: Any) -> None:
    from ..data import rig_maps

    complaints = rig_maps.row_complaints(portrait)
    if not complaints:
        return
    box = layout.box()
    shown = list(complaints.values())[:3]
    for text in shown:
        text_lines.draw(box, context, text, "ERROR", in_box=True)
    if len(complaints) > len(shown):
        box.label(text=f"and {len(complaints) - len(shown)} more rows")
    box.operator("heat.map_row_repair", icon="TOOL_SETTINGS")


CLASSES = (HEAT_UL_key_rows, HEAT_UL_bone_rows, HEAT_PT_map, HEAT_PT_map_bone)
