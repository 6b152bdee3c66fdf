# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the edits: reset, before and after, the list of attributes."""

from typing import Any

from bpy.props import BoolProperty, StringProperty
from bpy.types import Operator

from .. import bridge
from ..core import dirty_flags
from ..data import edit_values, property_animation
from ..jobs import attributes_job, background_jobs
from ..preview import sessions
from .operator_helpers import DialogOperator, PortraitOperator


class HEAT_OT_edit_reset(PortraitOperator, Operator):
    """Put edits back to 0: one, a group, or all."""

    bl_idname = "heat.edit_reset"
    bl_label = "Reset Edits"
    bl_description = "Put edits back to 0, where the photo is as it is"
    bl_options = {"REGISTER", "UNDO"}

    edit: StringProperty(name="Edit", description="Name such as jaw_width; empty for a group's")
    group: StringProperty(name="Group", description="Such as shape or light; empty for all")
    animation: BoolProperty(
        name="Remove Animation",
        description="Remove keyframes and drivers of these edits, too",
        default=False,
    )

    def run(self, context: Any, portrait: Any) -> None:
        """Set them to 0."""
        names = (self.edit,) if self.edit else edit_values.names_of(portrait, self.group)
        if self.animation:
            places = (edit_values.place(portrait, name) for name in names)
            paths = frozenset(property_animation.path_of(*place) for place in places)
            property_animation.clear(context.scene, paths)
        edit_values.set_values(portrait, dict.fromkeys(names, 0.0))
        held = edit_values.set_again(portrait, names)
        if held:
            self.report({"WARNING"}, held)


class HEAT_OT_edit_before_after(PortraitOperator, Operator):
    """Show the preview without edits, or with them again."""

    bl_idname = "heat.edit_before_after"
    bl_label = "Before / After"
    bl_description = (
        "Show the preview without the edits, or with them again. No value changes, and what is "
        "rendered always has the edits"
    )
    bl_options = {"REGISTER"}

    def run(self, _context: Any, portrait: Any) -> None:
        """Change over."""
        uid = portrait.uid
        sessions.show_before(uid, not sessions.shows_before(uid))
        dirty_flags.rig_changed()


class HEAT_OT_edit_attribute_add(DialogOperator, PortraitOperator, Operator):
    """Add an attribute by its name."""

    bl_idname = "heat.edit_attribute_add"
    bl_label = "Add Attribute"
    bl_description = "Add an attribute of the engine by its name, as a number to key or drive"
    bl_options = {"REGISTER", "UNDO"}

    attribute: StringProperty(name="Name", description="Such as age, as the engine calls it")

    def run(self, _context: Any, portrait: Any) -> None:
        """Add it; one that is there stays as it is."""
        edit_values.add_attribute(portrait, self.attribute)


class HEAT_OT_edit_attribute_remove(PortraitOperator, Operator):
    """Remove an attribute with its keyframes."""

    bl_idname = "heat.edit_attribute_remove"
    bl_label = "Remove Attribute"
    bl_description = "Take an attribute off the list, with its keyframes and driver"
    bl_options = {"REGISTER", "UNDO"}

    attribute: StringProperty(name="Name", description="Such as age")

    def run(self, context: Any, portrait: Any) -> None:
        """Remove it."""
        edits = portrait.edits
        index = edits.attributes.find(self.attribute)
        if index < 0:
            raise bridge.errors.UsageError(f'There is no attribute "{self.attribute}" to remove')
        path = property_animation.path_of(edits, "attributes")
        edits.attributes.remove(index)
        property_animation.item_removed(context.scene, path, index)
        dirty_flags.rig_changed()


class HEAT_OT_edit_attributes_refresh(PortraitOperator, Operator):
    """Ask the backend which edits its engines have."""

    bl_idname = "heat.edit_attributes_refresh"
    bl_label = "Refresh"
    bl_description = (
        "Ask the backend which attributes the engine has, and add those that are not listed yet: "
        "the published ones, and your own in the weights folder"
    )
    bl_options = {"REGISTER", "UNDO"}

    def run(self, _context: Any, portrait: Any) -> set[str]:
        """Ask; where Blender has a window the answer comes a little later."""
        job = attributes_job.refresh(portrait)
        return background_jobs.report_outcome(self, job)


CLASSES = (
    HEAT_OT_edit_reset,
    HEAT_OT_edit_before_after,
    HEAT_OT_edit_attribute_add,
    HEAT_OT_edit_attribute_remove,
    HEAT_OT_edit_attributes_refresh,
)
