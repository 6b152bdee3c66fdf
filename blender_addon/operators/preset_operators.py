# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators and menu of the presets of edits."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Menu, Operator

from ..data import edit_presets
from .operator_helpers import (
    DialogOperator,
    FileBrowserOperator,
    PortraitOperator,
    check_replacing,
    report_errors,
)

_GROUP = "Such as shape or light: only these edits are saved, and set again; empty for all"


class HEAT_OT_edit_preset_save(DialogOperator, PortraitOperator, Operator):
    """Save the edits under a name, with the .blend."""

    bl_idname = "heat.edit_preset_save"
    bl_label = "Save Edit Preset"
    bl_description = "Save these edits under a name, with the .blend"
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(name="Name", description="Name of the preset", default="My look")
    group: StringProperty(name="Group", description=_GROUP, options={"SKIP_SAVE"})
    replace: BoolProperty(
        name="Replace",
        description="Replace what is saved under this name",
        options={"SKIP_SAVE"},
    )

    def draw(self, context: Any) -> None:
        """Draw the name, and ask where it is taken."""
        self.layout.prop(self, "preset")
        if self.preset.strip() in edit_presets.own_names(context.scene):
            self.layout.prop(self, "replace")

    def run(self, context: Any, portrait: Any) -> None:
        """Save them."""
        name = self.preset.strip()
        check_replacing(self, name, name in edit_presets.own_names(context.scene))
        preset = edit_presets.of_portrait(portrait, self.group)
        name = edit_presets.save_in_blend(context.scene, self.preset, preset)
        self.report({"INFO"}, f'Edits saved with the .blend as "{name}"')


class HEAT_OT_edit_preset_load(PortraitOperator, Operator):
    """Set the edits of a preset."""

    bl_idname = "heat.edit_preset_load"
    bl_label = "Load Edit Preset"
    bl_description = "Set the edits to those of this preset; groups that it is not about stay"
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(name="Name", description="Name of the preset")

    def run(self, context: Any, portrait: Any) -> None:
        """Set them."""
        preset = edit_presets.find(context.scene, self.preset)
        for note in edit_presets.apply(portrait, preset):
            self.report({"WARNING"}, note)


class HEAT_OT_edit_preset_delete(Operator):
    """Delete a preset from the .blend."""

    bl_idname = "heat.edit_preset_delete"
    bl_label = "Delete Edit Preset"
    bl_description = "Delete this preset from the .blend; the edits stay as they are"
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(name="Name", description="Name of the preset")

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Delete it."""
        edit_presets.remove(context.scene, self.preset)
        return {"FINISHED"}


class _PresetFile(FileBrowserOperator, PortraitOperator):
    """What reading and writing a file have in common: the file browser on .json files."""

    filepath: StringProperty(name="File", subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})


class HEAT_OT_edit_preset_import(_PresetFile, Operator):
    """Read a preset's file into the .blend, and set its edits."""

    bl_idname = "heat.edit_preset_import"
    bl_label = "Import Edit Preset"
    bl_description = (
        "Save a preset's file with the .blend, under the file's name or one like it, and set its "
        "edits"
    )
    bl_options = {"REGISTER", "UNDO"}

    use: BoolProperty(name="Set", description="Set its edits at once", default=True)

    def run(self, context: Any, portrait: Any) -> None:
        """Read it."""
        path = Path(bpy.path.abspath(self.filepath))
        preset = edit_presets.read(path)
        name = edit_presets.free_name(context.scene, path.stem, preset)
        edit_presets.save_in_blend(context.scene, name, preset)
        notes = preset.notes
        if self.use:
            notes = edit_presets.apply(portrait, preset)
        for note in notes:
            self.report({"WARNING"}, note)


class HEAT_OT_edit_preset_export(_PresetFile, Operator):
    """Write the edits, or a saved preset, to a file."""

    bl_idname = "heat.edit_preset_export"
    bl_label = "Export Edit Preset"
    bl_description = "Write these edits to a file, for other .blend files and other people"
    bl_options = {"REGISTER"}

    preset: StringProperty(
        name="Preset", description="Name of a preset; empty for the edits as set"
    )
    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def run(self, context: Any, portrait: Any) -> None:
        """Write it."""
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".json")
        if self.preset:
            preset = edit_presets.find(context.scene, self.preset)
        else:
            preset = edit_presets.of_portrait(portrait)
        edit_presets.write(path, preset)
        self.report({"INFO"}, f"Edits written to {path.name}")


class HEAT_MT_edit_presets(Menu):
    """The presets to choose from, and what can be done with them."""

    bl_idname = "HEAT_MT_edit_presets"
    bl_label = "Presets"

    def draw(self, context: Any) -> None:
        """List them."""
        layout = self.layout
        own = edit_presets.own_names(context.scene)
        for name in (*own, *(n for n in edit_presets.shipped_names() if n not in own)):
            layout.operator("heat.edit_preset_load", text=name, translate=False).preset = name
        layout.separator()
        layout.operator("heat.edit_preset_save", text="Save...", icon="ADD")
        layout.operator("heat.edit_preset_import", text="Import...", icon="IMPORT")
        layout.operator("heat.edit_preset_export", text="Export...", icon="EXPORT")
        if own:
            layout.menu("HEAT_MT_edit_presets_delete", icon="TRASH")


class HEAT_MT_edit_presets_delete(Menu):
    """The presets of the .blend, to delete."""

    bl_idname = "HEAT_MT_edit_presets_delete"
    bl_label = "Delete"

    def draw(self, context: Any) -> None:
        """List them."""
        for name in edit_presets.own_names(context.scene):
            self.layout.operator(
                "heat.edit_preset_delete", text=name, translate=False
            ).preset = name


CLASSES = (
    HEAT_OT_edit_preset_save,
    HEAT_OT_edit_preset_load,
    HEAT_OT_edit_preset_delete,
    HEAT_OT_edit_preset_import,
    HEAT_OT_edit_preset_export,
    HEAT_MT_edit_presets,
    HEAT_MT_edit_presets_delete,
)
