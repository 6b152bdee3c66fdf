# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the rig map: automatic map, rows, presets."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import Menu, Operator

from .. import bridge
from ..core import dirty_flags
from ..core.rig import presets
from .operator_helpers import (
    DialogOperator,
    active_portrait,
    allow,
    chosen_portrait,
    no_portrait,
    report_errors,
)

# Modules that load numpy are imported in functions, so that Blender starts without them.

_KINDS = (("KEY", "Shape key", "A shape key row"), ("BONE", "Head bone", "A head bone row"))


def _no_rig(context: Any) -> str | None:
    missing = no_portrait(context)
    if missing:
        return missing
    portrait = active_portrait(context.scene)
    if portrait.mesh is None and portrait.armature is None:
        return "Pick a face mesh first"
    return None


class HEAT_OT_auto_map(Operator):
    """Fill the rig map by itself: by names, and by how each shape key moves the mesh."""

    bl_idname = "heat.auto_map"
    bl_label = "Auto-Map"
    bl_description = (
        "Fill the rig map by itself: by the names of the shape keys and, for unknown names, by "
        "how each one moves the mesh. Replaces the rows there are"
    )
    bl_options = {"REGISTER", "UNDO"}

    portrait: StringProperty(name="Portrait", description="Name; empty for the active one")
    preset: StringProperty(name="Names", description="Naming preset; empty for the best one")
    use_geometry: BoolProperty(
        name="Compare shapes",
        description="Match unknown names by how their shape keys move the mesh",
        default=True,
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a rig to map."""
        return allow(cls, _no_rig(context))

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Map it."""
        from ..scene import auto_mapping

        portrait = chosen_portrait(self, context)
        notes = auto_mapping.map_portrait(
            portrait, preset=self.preset, use_geometry=self.use_geometry
        )
        for note in notes:
            self.report({"INFO"}, note)
        return {"FINISHED"}


class HEAT_OT_map_row_add(Operator):
    """Add a row to the rig map."""

    bl_idname = "heat.map_row_add"
    bl_label = "Add Row"
    bl_description = "Add a row to the rig map"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Kind", items=_KINDS, default="KEY")
    shape_key: StringProperty(name="Shape key", description="Empty for the first unused one")
    expression: StringProperty(name="Expression", description="Name such as jawOpen")
    axis_source: StringProperty(name="Bone axis", default="rx")
    target: StringProperty(name="Head pose", default="pitch")

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a portrait."""
        return allow(cls, no_portrait(context))

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Add it and make it the active row."""
        portrait = chosen_portrait(self, context)
        if self.kind == "BONE":
            row = portrait.bone_rows.add()
            _set_enum(row, "axis_source", self.axis_source)
            _set_enum(row, "target", self.target)
            portrait.bone_index = len(portrait.bone_rows) - 1
            return {"FINISHED"}
        shape_key = self.shape_key or _first_unused_key(portrait)
        row = portrait.key_rows.add()
        row.shape_key = shape_key
        if self.expression:
            _set_enum(row, "expression", self.expression)
        portrait.key_index = len(portrait.key_rows) - 1
        return {"FINISHED"}


class HEAT_OT_map_row_remove(Operator):
    """Remove the active row from the rig map."""

    bl_idname = "heat.map_row_remove"
    bl_label = "Remove Row"
    bl_description = "Remove the active row from the rig map"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Kind", items=_KINDS, default="KEY")
    index: IntProperty(name="Row", description="Its number; -1 is the active row", default=-1)

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a portrait."""
        return allow(cls, no_portrait(context))

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Remove it."""
        portrait = chosen_portrait(self, context)
        name = "bone" if self.kind == "BONE" else "key"
        rows = getattr(portrait, f"{name}_rows")
        index = self.index if self.index >= 0 else getattr(portrait, f"{name}_index")
        if not 0 <= index < len(rows):
            raise bridge.errors.UsageError("There is no such row to remove")
        rows.remove(index)
        setattr(portrait, f"{name}_index", max(0, min(index, len(rows) - 1)))
        dirty_flags.rig_changed()
        return {"FINISHED"}


class HEAT_OT_map_row_repair(Operator):
    """Point rows of renamed shape keys to the keys they were renamed to."""

    bl_idname = "heat.map_row_repair"
    bl_label = "Repair Renamed"
    bl_description = "Point rows whose shape key is gone to the key that it was renamed to"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a rig."""
        return allow(cls, _no_rig(context))

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Repair the rows whose key was renamed, and report how many are left."""
        from ..core.rig import rig_map
        from ..data import rig_maps

        portrait = chosen_portrait(self, context)
        dead = rig_map.dead_rows(rig_maps.to_rig_map(portrait), rig_maps.key_names(portrait.mesh))
        taken: set[str] = set()
        for row in dead:
            if row.suggestion and row.suggestion not in taken:
                portrait.key_rows[row.index].shape_key = row.suggestion
                taken.add(row.suggestion)
        left = len(dead) - len(taken)
        self.report({"INFO"}, f"{len(taken)} rows repaired, {left} left")
        return {"FINISHED"}


class HEAT_OT_map_save_preset(DialogOperator, Operator):
    """Save the rig map under a name, or to a file."""

    bl_idname = "heat.map_save_preset"
    bl_label = "Save Map Preset"
    bl_description = "Save this rig map under a name, for other portraits and files"
    bl_options = {"REGISTER"}

    preset: StringProperty(name="Name", description="Name of the preset", default="My rig")
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there are rows to save."""
        reason = no_portrait(context)
        if reason is None:
            portrait = active_portrait(context.scene)
            if not portrait.key_rows and not portrait.bone_rows:
                reason = "The rig map has no rows yet: use Auto-Map"
        return allow(cls, reason)

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Write the file."""
        from ..data import rig_maps

        portrait = chosen_portrait(self, context)
        path = Path(self.filepath) if self.filepath else rig_maps.preset_path(self.preset)
        rig_maps.save_preset(path, rig_maps.to_rig_map(portrait))
        self.report({"INFO"}, f"Rig map saved as {path.name}")
        return {"FINISHED"}


class HEAT_OT_map_load_preset(Operator):
    """Load a saved rig map, by name or from a file."""

    bl_idname = "heat.map_load_preset"
    bl_label = "Load Map Preset"
    bl_description = "Replace the rows by those of a saved rig map"
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(name="Name", description="Name of the preset")
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a portrait."""
        return allow(cls, no_portrait(context))

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Read the file and fill the rows."""
        from ..data import rig_maps

        portrait = chosen_portrait(self, context)
        path = Path(self.filepath) if self.filepath else rig_maps.preset_path(self.preset)
        rig_maps.fill(portrait, rig_maps.load_preset(path))
        return {"FINISHED"}


class HEAT_MT_map_presets(Menu):
    """The saved maps, and the naming schemes that Auto-Map knows."""

    bl_idname = "HEAT_MT_map_presets"
    bl_label = "Map Presets"

    def draw(self, _context: Any) -> None:
        """List them."""
        from ..data import rig_maps

        layout = self.layout
        layout.label(text="Saved maps")
        saved = rig_maps.preset_names()
        for name in saved:
            layout.operator("heat.map_load_preset", text=name).preset = name
        if not saved:
            layout.label(text="None yet", icon="BLANK1")
        layout.separator()
        layout.operator("heat.map_save_preset", text="Save this map...", icon="ADD")
        layout.separator()
        layout.label(text="Map by the names of")
        for name in presets.preset_names():
            text = presets.load_preset(name).label
            layout.operator("heat.auto_map", text=text).preset = name


CLASSES = (
    HEAT_OT_auto_map,
    HEAT_OT_map_row_add,
    HEAT_OT_map_row_remove,
    HEAT_OT_map_row_repair,
    HEAT_OT_map_save_preset,
    HEAT_OT_map_load_preset,
    HEAT_MT_map_presets,
)


def _first_unused_key(portrait: Any) -> str:
    from ..data import rig_maps

    used = {row.shape_key for row in portrait.key_rows}
    names = rig_maps.key_names(portrait.mesh)
    return next((name for name in names if name not in used), "")


def _set_enum(row: bpy.types.PropertyGroup, field: str, value: str) -> None:
    try:
        setattr(row, field, value)
    except TypeError:
        raise bridge.errors.UsageError(f'"{value}" is no {field.replace("_", " ")}') from None
