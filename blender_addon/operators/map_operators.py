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
from .operator_helpers import DialogOperator, PortraitOperator, check_replacing

# Modules that load numpy are imported in functions, so that Blender starts without them.

_KINDS = (("KEY", "Shape key", "A shape key row"), ("BONE", "Head bone", "A head bone row"))


class RigOperator(PortraitOperator):
    """Base of operators on the portrait's rig."""

    @classmethod
    def reason_against(cls, _scene: Any, portrait: Any) -> str | None:
        """Only with a mesh or an armature."""
        if portrait.mesh is None and portrait.armature is None:
            return "Pick a face mesh first"
        return None


class HEAT_OT_auto_map(RigOperator, Operator):
    """Fill the rig map by itself: by names, and by how each shape key moves the mesh."""

    bl_idname = "heat.auto_map"
    bl_label = "Auto-Map"
    bl_description = (
        "Fill the rig map by itself: by the names of the shape keys and, for unknown names, by "
        "how each one moves the mesh. Replaces the rows there are"
    )
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(name="Names", description="Naming preset; empty for the best one")
    use_geometry: BoolProperty(
        name="Compare shapes",
        description="Match unknown names by how their shape keys move the mesh",
        default=True,
    )

    def run(self, context: Any, portrait: Any) -> None:
        """Map it."""
        from ..scene import auto_mapping

        self.require(context, portrait)
        notes = auto_mapping.map_portrait(
            portrait, preset=self.preset, use_geometry=self.use_geometry
        )
        for note in notes:
            self.report({"INFO"}, note)


class HEAT_OT_map_row_add(PortraitOperator, Operator):
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

    def run(self, _context: Any, portrait: Any) -> None:
        """Add it and make it the active row."""
        if self.kind == "BONE":
            row = portrait.bone_rows.add()
            _set_enum(row, "axis_source", self.axis_source)
            _set_enum(row, "target", self.target)
            portrait.bone_index = len(portrait.bone_rows) - 1
            return
        shape_key = self.shape_key or _first_unused_key(portrait)
        row = portrait.key_rows.add()
        row.shape_key = shape_key
        if self.expression:
            _set_enum(row, "expression", self.expression)
        portrait.key_index = len(portrait.key_rows) - 1


class HEAT_OT_map_row_remove(PortraitOperator, Operator):
    """Remove the active row from the rig map."""

    bl_idname = "heat.map_row_remove"
    bl_label = "Remove Row"
    bl_description = "Remove the active row from the rig map"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Kind", items=_KINDS, default="KEY")
    index: IntProperty(name="Row", description="Its number; -1 is the active row", default=-1)

    def run(self, _context: Any, portrait: Any) -> None:
        """Remove it."""
        name = "bone" if self.kind == "BONE" else "key"
        rows = getattr(portrait, f"{name}_rows")
        index = self.index if self.index >= 0 else getattr(portrait, f"{name}_index")
        if not 0 <= index < len(rows):
            raise bridge.errors.UsageError("There is no such row to remove")
        rows.remove(index)
        setattr(portrait, f"{name}_index", max(0, min(index, len(rows) - 1)))
        dirty_flags.rig_changed()


class HEAT_OT_map_row_repair(RigOperator, Operator):
    """Point rows of renamed shape keys to the keys they were renamed to."""

    bl_idname = "heat.map_row_repair"
    bl_label = "Repair Renamed"
    bl_description = "Point rows whose shape key is gone to the key that it was renamed to"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any, portrait: Any) -> None:
        """Repair the rows whose key was renamed, and report how many are left."""
        from ..core.rig import rig_map
        from ..data import rig_maps

        self.require(context, portrait)
        dead = rig_map.dead_rows(rig_maps.to_rig_map(portrait), rig_maps.key_names(portrait.mesh))
        taken: set[str] = set()
        for row in dead:
            if row.suggestion and row.suggestion not in taken:
                portrait.key_rows[row.index].shape_key = row.suggestion
                taken.add(row.suggestion)
        left = len(dead) - len(taken)
        self.report({"INFO"}, f"{len(taken)} rows repaired, {left} left")


class HEAT_OT_map_save_preset(DialogOperator, PortraitOperator, Operator):
    """Save the rig map under a name, or to a file."""

    bl_idname = "heat.map_save_preset"
    bl_label = "Save Map Preset"
    bl_description = "Save this rig map under a name, for other portraits and files"
    bl_options = {"REGISTER"}

    preset: StringProperty(name="Name", description="Name of the preset", default="My rig")
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})
    replace: BoolProperty(
        name="Replace",
        description="Replace what is saved under this name",
        options={"SKIP_SAVE"},
    )

    def draw(self, _context: Any) -> None:
        """Draw the name, and ask where it is taken."""
        from ..data import rig_maps

        self.layout.prop(self, "preset")
        if self.preset.strip() in rig_maps.preset_names():
            self.layout.prop(self, "replace")

    @classmethod
    def reason_against(cls, _scene: Any, portrait: Any) -> str | None:
        """Only with rows to save."""
        if not portrait.key_rows and not portrait.bone_rows:
            return "The rig map has no rows yet: use Auto-Map"
        return None

    def run(self, context: Any, portrait: Any) -> None:
        """Write the file."""
        from ..data import rig_maps

        self.require(context, portrait)
        path = Path(self.filepath) if self.filepath else rig_maps.preset_path(self.preset)
        check_replacing(self, path.stem, path.exists())
        rig_maps.save_preset(path, rig_maps.to_rig_map(portrait))
        self.report({"INFO"}, f"Rig map saved as {path.name}")


class HEAT_OT_map_load_preset(PortraitOperator, Operator):
    """Load a saved rig map, by name or from a file."""

    bl_idname = "heat.map_load_preset"
    bl_label = "Load Map Preset"
    bl_description = "Replace the rows by those of a saved rig map"
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(name="Name", description="Name of the preset")
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})

    def run(self, _context: Any, portrait: Any) -> None:
        """Read the file and fill the rows."""
        from ..data import rig_maps

        path = Path(self.filepath) if self.filepath else rig_maps.preset_path(self.preset)
        rig_maps.fill(portrait, rig_maps.load_preset(path))


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
