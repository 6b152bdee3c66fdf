# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of the motion: source and button, which parts of the face, how the curves are made."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel

from .. import bridge, text_lines
from ..backend import choose
from ..data.portraits import active_portrait
from ..jobs import background_jobs
from .heat_tab import HeatTabPanel, PortraitPanel, draw_outcome, draw_progress, split_labels

# Modules that load numpy are imported in functions, so that Blender starts without them.

_PARTS = ("brows", "eyes", "cheeks", "nose", "mouth", "head")


class HEAT_PT_motion(PortraitPanel, Panel):
    """Where the motion comes from, and the bake's button or progress."""

    bl_label = "Motion"
    bl_idname = "HEAT_PT_motion"
    bl_order = 5
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw the source, then the button or the progress, then what came of it."""
        layout = self.layout
        portrait = active_portrait(context.scene)
        job = background_jobs.find("motion", portrait.uid)
        busy = background_jobs.running("motion", portrait.uid)
        column = layout.column()
        column.enabled = not busy
        _draw_source(column, context, portrait.motion)
        if job is not None and busy:
            draw_progress(layout, context, job, "heat.motion_cancel")
            return
        row = layout.row()
        row.scale_y = 1.3
        row.operator("heat.bake_motion", icon="ACTION")
        _draw_missing(layout, context, portrait)
        if job is not None:
            draw_outcome(layout, context, job)


class HEAT_PT_motion_parts(HeatTabPanel, Panel):
    """Which parts of the face are baked, and how strongly."""

    bl_label = "Parts & Strength"
    bl_idname = "HEAT_PT_motion_parts"
    bl_parent_id = "HEAT_PT_motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw a switch and a strength for each part."""
        settings = active_portrait(context.scene).motion
        column = self.layout.column(align=True)
        for part in _PARTS:
            row = column.row(align=True)
            row.prop(settings, f"take_{part}")
            strength = row.row(align=True)
            strength.active = getattr(settings, f"take_{part}")
            strength.prop(settings, f"gain_{part}", text="")
        column = self.layout.column()
        column.prop(settings, "use_shift")
        column.prop(settings, "take_edits")
        column.prop(settings, "only", placeholder="all of these parts")


class HEAT_PT_motion_curves(HeatTabPanel, Panel):
    """How the curves are made."""

    bl_label = "Curves"
    bl_idname = "HEAT_PT_motion_curves"
    bl_parent_id = "HEAT_PT_motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw tolerance and what shapes the curves."""
        settings = active_portrait(context.scene).motion
        column = split_labels(self.layout.column())
        column.prop(settings, "tolerance")
        column.prop(settings, "smooth")
        column.prop(settings, "mirror")
        column.prop(settings, "add_sound")


def _draw_source(column: Any, context: Any, settings: Any) -> None:
    column.row(align=True).prop(settings, "source", expand=True)
    split_labels(column)
    if settings.source == "FILE":
        column.prop(settings, "path")
        if settings.path.lower().endswith(".npz"):
            return
    else:
        column.prop(settings, "strip", placeholder="the active one")
    column.prop(settings, "reads")
    kind = _kind(context, settings)
    if kind == "voice":
        column.prop(settings, "style")
        column.prop(settings, "life")
    elif kind in {"face", "both"}:
        column.prop(settings, "face")
    if kind == "both":
        column.prop(settings, "style")
        column.prop(settings, "voice_share")


def _kind(context: Any, settings: Any) -> str:
    """Return the source's kind, or "" while nothing is chosen."""
    from ..scene import motion_source

    try:
        return motion_source.source_of(context.scene, active_portrait(context.scene)).kind
    except bridge.errors.HeatError:
        return {"FACE": "face", "VOICE": "voice", "BOTH": "both"}.get(settings.reads, "")


def _draw_missing(layout: Any, context: Any, portrait: Any) -> None:
    """Draw what stands in the way, with the button that mends it."""
    from ..scene import baking

    reason = baking.complaint(portrait)
    if reason:
        text_lines.draw(layout, context, reason, "INFO")
        return
    missing = choose.missing()
    if missing and not portrait.motion.path.lower().endswith(".npz"):
        text_lines.draw(layout, context, missing, "INFO")
        layout.operator("heat.open_preferences")


CLASSES = (HEAT_PT_motion, HEAT_PT_motion_parts, HEAT_PT_motion_curves)
