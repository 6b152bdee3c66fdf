# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of the edits: presets and comparison, then groups of sliders that fold."""

from __future__ import annotations

from typing import Any

from bpy.types import Panel

from .. import text_lines
from ..core import engines
from ..core.edit import edit_groups
from ..data import edit_values
from ..data.portraits import active_portrait
from ..jobs import attributes_job, background_jobs
from ..preview import sessions
from .heat_tab import PortraitPanel, draw_outcome, draw_progress

# Modules that load numpy are imported in functions, so that Blender starts without them.


class HEAT_PT_edit(PortraitPanel, Panel):
    """Presets, comparison, reset of all; the groups are its sub-panels."""

    bl_label = "Edit"
    bl_idname = "HEAT_PT_edit"
    bl_order = 4
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        """Draw what concerns all edits."""
        from ..jobs import edit_costs

        layout = self.layout
        portrait = active_portrait(context.scene)
        changed = edit_values.values(portrait)
        before = sessions.shows_before(portrait.uid)
        row = layout.column(align=True) if text_lines.is_narrow(context) else layout.row(align=True)
        icon = "HIDE_ON" if before else "HIDE_OFF"
        row.operator("heat.edit_before_after", icon=icon, depress=before)
        row = row.row(align=True)
        row.menu("HEAT_MT_edit_presets")
        row.operator("heat.edit_reset", text="", icon="LOOP_BACK")
        complaint = engines.missing_edits_line(portrait.engine, changed)
        if complaint:
            text_lines.draw(layout, context, complaint, "ERROR")
        cost = edit_costs.line(context.scene, portrait)
        if cost:
            text_lines.draw(layout, context, cost, "TIME")
        draw_face_jobs(layout, context, portrait)


class _GroupPanel(PortraitPanel):
    """What the groups' panels have in common."""

    bl_parent_id = "HEAT_PT_edit"
    bl_options = {"DEFAULT_CLOSED"}
    group = ""

    def draw_header_preset(self, context: Any) -> None:
        """Draw the group's reset while one of its edits is not 0."""
        portrait = active_portrait(context.scene)
        if edit_values.values(portrait, edit_values.names_of(portrait, self.group)):
            layout = self.layout  # type: ignore[attr-defined]
            layout.operator("heat.edit_reset", text="", icon="X", emboss=False).group = self.group

    def draw(self, context: Any) -> None:
        """Draw the sliders."""
        self.draw_sliders(context, active_portrait(context.scene))

    def draw_sliders(self, context: Any, portrait: Any) -> None:
        """Draw a slider for each edit of the group."""
        column = self.layout.column(align=True)  # type: ignore[attr-defined]
        for name in edit_values.names_of(portrait, self.group):
            _draw_slider(column, context, portrait, name, edit_groups.short_label(name))


class HEAT_PT_edit_shape(_GroupPanel, Panel):
    """Shape of head and features."""

    bl_label = "Shape"
    bl_idname = "HEAT_PT_edit_shape"
    group = "shape"


class HEAT_PT_edit_skin(_GroupPanel, Panel):
    """Colours of the skin."""

    bl_label = "Skin"
    bl_idname = "HEAT_PT_edit_skin"
    group = "skin"


class HEAT_PT_edit_features(_GroupPanel, Panel):
    """Colours of lips, eyes, brows, teeth and hair."""

    bl_label = "Hair, Eyes & Mouth"
    bl_idname = "HEAT_PT_edit_features"
    group = "features"


class HEAT_PT_edit_light(_GroupPanel, Panel):
    """The light on the face."""

    bl_label = "Light"
    bl_idname = "HEAT_PT_edit_light"
    group = "light"

    def draw_sliders(self, context: Any, portrait: Any) -> None:
        """Draw the sliders, and the lamp that may drive them."""
        from ..scene import lamp_rig

        super().draw_sliders(context, portrait)
        layout = self.layout
        layout.prop(portrait.edits, "lamp")
        if not lamp_rig.is_driven(portrait):
            row = layout.row()
            row.enabled = portrait.edits.lamp is not None
            row.operator("heat.edit_drive_light", icon="DRIVER")
            return
        column = layout.column(align=True)
        column.prop(portrait.edits, "photo_light_yaw", text="Own Yaw")
        column.prop(portrait.edits, "photo_light_pitch", text="Own Pitch")
        here = column.operator("heat.edit_drive_light", text="Own Is Here", icon="PIVOT_CURSOR")
        here.from_here = True
        column.operator("heat.edit_own_light", icon="IMAGE_DATA")
        layout.operator("heat.edit_release_light", icon="X")


class HEAT_PT_edit_attributes(_GroupPanel, Panel):
    """Attributes of the engine, such as age."""

    bl_label = "Attributes"
    bl_idname = "HEAT_PT_edit_attributes"
    group = "attributes"

    def draw_sliders(self, context: Any, portrait: Any) -> None:
        """Draw the attributes, what the engine has, and how to get more."""
        layout = self.layout
        column = layout.column(align=True)
        for attribute in portrait.edits.attributes:
            name = attribute.name
            row = _draw_slider(column, context, portrait, name, name)
            remove = row.operator("heat.edit_attribute_remove", text="", icon="REMOVE")
            remove.attribute = name
        text_lines.draw(layout, context, engines.attributes_line(portrait.engine), "INFO")
        for problem in attributes_job.problems():
            text_lines.draw(layout, context, problem, "ERROR")
        row = layout.row(align=True)
        row.enabled = not background_jobs.running("attributes")
        row.operator("heat.edit_attributes_refresh", icon="FILE_REFRESH")
        row.operator("heat.edit_attribute_add", text="", icon="ADD")


class HEAT_PT_edit_raw(_GroupPanel, Panel):
    """The face model's own components."""

    bl_label = "Raw Identity"
    bl_idname = "HEAT_PT_edit_raw"
    group = "raw"


def draw_face_jobs(layout: Any, context: Any, portrait: Any) -> None:
    """Draw the buttons to match a picture and send the fit, or the progress of that work."""
    from ..jobs import face_job

    job = background_jobs.find("face", portrait.uid)
    if job is not None and not job.finished:
        draw_progress(layout, context, job, "heat.face_cancel")
        return
    column = layout.column(align=True)
    column.label(text="Match a picture's")
    row = column if text_lines.is_narrow(context) else column.row(align=True)
    for take, label in face_job.LABELS.items():
        row.operator("heat.match_picture", text=label).take = take
    layout.operator("heat.send_fit", icon="MESH_MONKEY")
    if job is not None:
        draw_outcome(layout, context, job)


def _draw_slider(column: Any, context: Any, portrait: Any, name: str, label: str) -> Any:
    """Draw an edit with its keyframe dot and, while it is not 0, its reset; return the row."""
    owner, field = edit_values.place(portrait, name)
    row = column.row(align=True)
    slider = row.row(align=True)
    slider.active = engines.has_edit(portrait.engine, name)
    slider.prop(owner, field, text=label, slider=True)
    narrow = text_lines.is_narrow(
        context
    )  # then the name needs the room of the dot, and of no reset
    if not narrow:
        row.prop_decorator(owner, field)
    if getattr(owner, field) != 0.0:
        row.operator("heat.edit_reset", text="", icon="X", emboss=False).edit = name
    elif not narrow:
        row.label(text="", icon="BLANK1")  # so that the slider keeps its width under the mouse
    return row


CLASSES = (
    HEAT_PT_edit,
    HEAT_PT_edit_shape,
    HEAT_PT_edit_skin,
    HEAT_PT_edit_features,
    HEAT_PT_edit_light,
    HEAT_PT_edit_attributes,
    HEAT_PT_edit_raw,
)
