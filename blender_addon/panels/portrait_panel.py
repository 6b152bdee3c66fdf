# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: the portraits of the scene, and photo and rig of the active one."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel, UIList

from .. import text_lines
from ..backend import choose
from ..core import engines, load_problems
from ..data import engine_options, portraits
from ..data.portraits import active_portrait
from ..jobs import background_jobs, weights_job
from ..preview import sessions
from .heat_tab import HeatTabPanel, PortraitPanel, RowList, split_labels

# Modules that load numpy are imported in functions, so that Blender starts without them.


class HEAT_UL_portraits(RowList, UIList):
    """One line a portrait: its name, and a sign for a live preview or a missing photo."""

    def draw_row(self, layout: Any, _owner: Any, item: Any) -> None:
        """Draw one portrait."""
        complaint = portraits.photo_complaint(item)
        layout.prop(item, "name", text="", emboss=False, icon="ERROR" if complaint else "USER")
        if sessions.session_of(item.uid) is not None:
            layout.label(text="", icon="RADIOBUT_ON")


class HEAT_PT_portraits(HeatTabPanel, Panel):
    """The list of portraits; the first thing in the tab."""

    bl_label = "Portraits"
    bl_idname = "HEAT_PT_portraits"
    bl_order = 1

    def draw(self, context: Any) -> None:
        """Draw the list, or an invitation when it is empty."""
        layout = self.layout
        for text in load_problems.sentences:
            text_lines.draw(layout, context, text, "ERROR")
        heat = getattr(context.scene, "heat", None)
        if heat is None:
            return
        if not heat.portraits:
            text_lines.draw(layout, context, "A portrait is a photo that your rig performs.")
            layout.operator("heat.portrait_add", icon="ADD")
            _draw_backend(layout, context)
            return
        row = layout.row()
        row.template_list("HEAT_UL_portraits", "", heat, "portraits", heat, "active_index", rows=2)
        side = row.column(align=True)
        side.operator("heat.portrait_add", text="", icon="ADD")
        side.operator("heat.portrait_remove", text="", icon="REMOVE")
        _draw_backend(layout, context)


class HEAT_PT_photo(PortraitPanel, Panel):
    """Photo and rig of the active portrait."""

    bl_label = "Photo & Rig"
    bl_idname = "HEAT_PT_photo"
    bl_order = 2

    def draw(self, context: Any) -> None:
        """Draw the choices in the order in which one makes them."""
        from ..data import portraits, rig_maps
        from ..scene import sampling

        layout = self.layout
        portrait = active_portrait(context.scene)
        column = layout.column()
        column.row(align=True).prop(portrait, "photo_source", expand=True)
        if portrait.photo_source == "FILE":
            column.prop(portrait, "photo_path", text="")
        else:
            column.template_ID(portrait, "photo_image", open="image.open")
        complaint = portraits.photo_complaint(portrait)
        if complaint:
            text_lines.draw(column, context, complaint, "ERROR")
        layout.separator(factor=0.5)
        column = layout.column()
        column.label(text="Face mesh with shape keys")
        column.prop(portrait, "mesh", text="")
        if portrait.mesh is None:
            column.operator("heat.add_sample_rig", icon="USER")
        column.label(text="Armature with the head bone")
        column.prop(portrait, "armature", text="")
        if portrait.armature is not None:
            bones = portrait.armature.data
            column.prop_search(portrait, "head_bone", bones, "bones", text="", icon="BONE_DATA")
        for text in sampling.rig_problems(portrait):
            text_lines.draw(column, context, text, "INFO")
        if portrait.mesh is not None or portrait.armature is not None:
            row = column.row(align=True)
            row.operator("heat.auto_map", icon="FILE_REFRESH")
            row.menu("HEAT_MT_map_presets", text="Presets")
            text_lines.draw(column, context, *rig_maps.state_line(portrait))


class HEAT_PT_engine(HeatTabPanel, Panel):
    """Engine settings of the active portrait."""

    bl_label = "Engine"
    bl_idname = "HEAT_PT_engine"
    bl_parent_id = "HEAT_PT_photo"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw what a beginner never needs."""
        layout = split_labels(self.layout)
        portrait = active_portrait(context.scene)
        column = layout.column()
        column.prop(portrait, "engine")
        _draw_engine_note(column, context, portrait.engine)
        _draw_own_options(column, context, portrait)
        column.prop(portrait, "device")
        column.prop(portrait, "face")
        column.prop(portrait, "neutralise")
        column.prop(portrait, "facing")
        column.prop(portrait, "eye_distance")


def _draw_own_options(layout: Any, context: Any, portrait: Any) -> None:
    """Draw the options that the chosen engine has besides those of all engines."""
    lacking = False
    for option in engine_options.options(portrait):
        held = engine_options.place(portrait, option)
        if held is None:
            lacking = True
        elif held[0] == portrait:
            layout.prop(*held)
        else:
            layout.prop(*held, text=option.title)
            text_lines.draw(layout, context, option.help)
    if lacking:
        layout.operator("heat.engine_options_show")


def _draw_engine_note(layout: Any, context: Any, engine: str) -> None:
    """Draw what the chosen engine does, and what it lacks on this machine."""
    text = engines.note(engine)
    if text:
        text_lines.draw(layout, context, text, "INFO")
    chosen = engines.capabilities(engine).weights
    known = weights_job.report(watch=chosen)  # the report also lists the engines
    if chosen and known is not None and not known.ready:
        icon, line = weights_job.state_line(known)
        text_lines.draw(layout, context, line, "ERROR" if icon == "INFO" else icon)
        layout.operator("heat.open_preferences", text="Fetch Weights...", icon="IMPORT")


def _draw_backend(layout: Any, context: Any) -> None:
    line = choose.status_line()
    if line.warning:
        text_lines.draw(layout, context, line.text, "ERROR")
        row = layout.row(align=True)
        if line.remedy == "restart":
            row.operator("heat.backend_restart", text="Try Again")
        elif line.remedy == "renew" and not background_jobs.running("setup"):
            one_click = row.row(align=True)
            one_click.operator_context = "EXEC_DEFAULT"
            one_click.operator("heat.setup_backend", text="Renew Backend")
        row.operator("heat.open_preferences", text="Set Up Backend...")
    else:
        text_lines.draw(layout, context, line.text, line.icon)


CLASSES = (HEAT_UL_portraits, HEAT_PT_portraits, HEAT_PT_photo, HEAT_PT_engine)
