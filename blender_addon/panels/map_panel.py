# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel of the rig map."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel

from .. import text_lines
from ..data.lookup import active_portrait
from ..operators.heat_tab import InHeatTab, OfPortrait


class HEAT_PT_map(OfPortrait, Panel):
    """Shape key rows of the active portrait."""

    bl_label = "Rig Map"
    bl_idname = "HEAT_PT_map"
    bl_order = 7
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw the rows."""
        from ..data import map_rows

        layout = self.layout
        portrait = active_portrait(context.scene)
        text_lines.draw(layout, context, *map_rows.state_line(portrait))
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


class HEAT_PT_map_bone(InHeatTab, Panel):
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
    from ..data import map_rows

    complaints = map_rows.row_complaints(portrait)
    if not complaints:
        return
    box = layout.box()
    shown = list(complaints.values())[:3]
    for text in shown:
        text_lines.draw(box, context, text, "ERROR", in_box=True)
    if len(complaints) > len(shown):
        box.label(text=f"and {len(complaints) - len(shown)} more rows")
    box.operator("heat.map_row_repair", icon="TOOL_SETTINGS")


CLASSES = (HEAT_PT_map, HEAT_PT_map_bone)
