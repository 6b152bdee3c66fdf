# SPDX-License-Identifier: GPL-3.0-or-later
"""Panel of the render into the sequencer."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel

from .. import text_lines
from ..data.portraits import active_portrait
from ..jobs import background_jobs
from ..scene import take_strip
from .heat_tab import PortraitPanel, draw_outcome, draw_progress, split_labels

# Modules that load numpy are imported in functions, so that Blender starts without them.


class HEAT_PT_render(PortraitPanel, Panel):
    """Output settings of the active portrait, its progress, and what stands in the way."""

    bl_label = "Render"
    bl_idname = "HEAT_PT_render"
    bl_order = 6

    def draw(self, context: Any) -> None:
        """Draw settings, then the button or the progress."""
        from ..jobs import edit_costs, render_job

        layout = self.layout
        portrait = active_portrait(context.scene)
        job = background_jobs.find("render", portrait.uid)
        busy = background_jobs.running("render", portrait.uid)
        column = layout.column()
        column.enabled = not busy
        _draw_settings(column, portrait)
        complaint = take_strip.colour_complaint(context.scene)
        if complaint:
            box = layout.box()
            text_lines.draw(box, context, complaint, "COLOR", in_box=True)
            box.operator("heat.fix_view_transform")
        if job is not None and busy:
            draw_progress(layout, context, job, "heat.render_cancel")
            return
        cost = edit_costs.line(context.scene, portrait)
        if cost:
            text_lines.draw(layout, context, cost, "TIME")
        row = layout.row()
        row.scale_y = 1.3
        row.operator("heat.render", icon="RENDER_ANIMATION")
        reason = render_job.reason_against(context.scene, portrait)
        if reason:
            text_lines.draw(layout, context, reason, "INFO")
        if render_job.unfinished(portrait) is not None:
            layout.operator("heat.render_resume", icon="PLAY")
        if job is not None:
            draw_outcome(layout, context, job)
        _draw_take(layout, context, portrait)


def _draw_take(layout: Any, context: Any, portrait: Any) -> None:
    """Draw where the finished take is, and what the scene's own render would make of it."""
    place = take_strip.place_line(context.scene, portrait.uid)
    if place is None:
        return
    text_lines.draw(layout, context, place, "SEQUENCE")
    layout.operator("heat.open_sequencer", icon="WINDOW")
    complaint = take_strip.resolution_complaint(context.scene, portrait.uid)
    if complaint:
        box = layout.box()
        text_lines.draw(box, context, complaint, "INFO", in_box=True)
        box.operator("heat.match_resolution")


def _draw_settings(column: Any, portrait: Any) -> None:
    output = portrait.output
    split_labels(column)
    column.prop(output, "file_format")
    column.prop(output, "folder")
    column.prop(portrait, "photo_size")
    if not portrait.photo_size:
        column.prop(portrait, "size")
    column.prop(output, "range_source")
    if output.range_source == "OWN":
        ends = column.column(align=True)
        ends.prop(output, "frame_start")
        ends.prop(output, "frame_end", text="Last")
    column.prop(portrait, "strip_name")


CLASSES = (HEAT_PT_render,)
