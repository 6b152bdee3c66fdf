# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel of the live preview."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel

from .. import text_lines
from ..backend import choose
from ..data.portraits import active_portrait
from ..preview import sessions, software_drawing
from .heat_tab import HeatTabPanel, PortraitPanel, split_labels

_POSING = "Pose with the mesh's shape keys (Object Data properties) and the head bone"


class HEAT_PT_preview(PortraitPanel, Panel):
    """Start, stop, state and place of the active portrait's preview."""

    bl_label = "Preview"
    bl_idname = "HEAT_PT_preview"
    bl_order = 3

    def draw(self, context: Any) -> None:
        """Draw the button, the state, then where the preview is shown."""
        layout = self.layout
        portrait = active_portrait(context.scene)
        session = sessions.session_of(portrait.uid)
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
                _draw_try_again(layout)
            elif session.live.state == "live" and portrait.mesh is not None:
                text_lines.draw(layout, context, _POSING, "POSE_HLT")
            _draw_slowness(layout, context)
        settings = portrait.preview
        layout.row(align=True).prop(settings, "mode", expand=True)
        if settings.mode == "IMAGE":
            text_lines.draw(layout, context, _where_the_picture_is(settings), "IMAGE_DATA")


class HEAT_PT_preview_look(HeatTabPanel, Panel):
    """How large the preview is, and where the overlay lies."""

    bl_label = "Size & Place"
    bl_idname = "HEAT_PT_preview_look"
    bl_parent_id = "HEAT_PT_preview"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw what a beginner rarely needs: the overlay can be dragged, too."""
        settings = active_portrait(context.scene).preview
        column = split_labels(self.layout.column())
        column.prop(settings, "render_size")
        if settings.render_size == 0:
            column.label(text="0: the photo's own size", icon="BLANK1")
        if settings.mode == "OVERLAY":
            column.prop(settings, "corner")
            column.prop(settings, "size")
            column.prop(settings, "opacity")
            column.prop(settings, "offset", index=0, text="Offset X")
            column.prop(settings, "offset", index=1, text="Y")
        elif settings.image is not None:
            column.prop(settings, "image", text="Image")


def _draw_slowness(layout: Any, context: Any) -> None:
    slow = software_drawing.complaint(context)
    if slow is not None:
        text_lines.draw(layout, context, slow, "INFO")
        layout.operator("heat.fix_anti_aliasing")


def _draw_try_again(layout: Any) -> None:
    """Draw the button that mends: the backend's, where that is what failed, else the portrait's."""
    if choose.status_line().remedy == "restart":
        layout.operator("heat.backend_restart", text="Try Again", icon="FILE_REFRESH")
    else:
        layout.operator("heat.preview_start", text="Try Again", icon="FILE_REFRESH")


def _where_the_picture_is(settings: Any) -> str:
    if settings.image is None:
        return "The picture becomes an image of this .blend when the preview starts"
    return f'The picture is the image "{settings.image.name}": pick it in an Image Editor'


CLASSES = (HEAT_PT_preview, HEAT_PT_preview_look)
