# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel of the live preview."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel

from .. import text_lines
from ..properties import active_portrait


class HEAT_PT_preview(Panel):
    """Start, stop, state and place of the active portrait's preview."""

    bl_label = "Preview"
    bl_idname = "HEAT_PT_preview"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Heat"
    bl_order = 4

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only with a portrait."""
        return active_portrait(context.scene) is not None

    def draw(self, context: Any) -> None:
        """Draw the button, the state, then where the preview is shown."""
        from . import live

        layout = self.layout
        portrait = active_portrait(context.scene)
        session = live.session_of(portrait.uid)
        row = layout.row()
        row.scale_y = 1.3
        if session is None:
            row.operator("heat.preview_start", icon="PLAY")
        else:
            row.operator("heat.preview_stop", icon="PAUSE")
            text, icon = session.status()
            if session.live.state == "preparing":
                layout.progress(factor=session.live.progress[1], text="Preparing")
            text_lines.draw(layout, context, text, icon)
            if session.live.state == "failed":
                layout.operator("heat.backend_restart", text="Try Again", icon="FILE_REFRESH")
            _draw_slowness(layout, context)
        settings = portrait.preview
        column = layout.column()
        column.row(align=True).prop(settings, "mode", expand=True)
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "render_size")
        if settings.mode == "OVERLAY":
            column.prop(settings, "corner")
            column.prop(settings, "size")
            column.prop(settings, "opacity")
            column.prop(settings, "offset", index=0, text="Offset X")
            column.prop(settings, "offset", index=1, text="Y")
        elif settings.image is not None:
            column.prop(settings, "image", text="Image")


def _draw_slowness(layout: Any, context: Any) -> None:
    from . import software_drawing

    slow = software_drawing.complaint(context)
    if slow is not None:
        text_lines.draw(layout, context, slow, "INFO")
        layout.operator("heat.fix_anti_aliasing")


CLASSES = (HEAT_PT_preview,)
