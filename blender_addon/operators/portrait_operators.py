# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Adding and removing portraits, and the sample rig."""

from typing import Any

import bpy
from bpy.props import StringProperty
from bpy.types import Operator

from ..data import engine_options, property_animation
from ..data.portraits import active_portrait, new_uid
from ..jobs import background_jobs
from ..preview import live
from .operator_helpers import PortraitOperator, allow, report_errors

# Modules that load numpy are imported in functions, so that Blender starts without them.

_CORNERS = ("BOTTOM_LEFT", "TOP_LEFT", "BOTTOM_RIGHT", "TOP_RIGHT")


def add_portrait(scene: Any, name: str) -> Any:
    """Add a portrait with a name unique in the scene, make it the active one, return it."""
    portraits = scene.heat.portraits
    taken = {portrait.name for portrait in portraits}
    unique, number = name, 1
    while unique in taken:
        unique, number = f"{name}.{number:03d}", number + 1
    portrait = portraits.add()
    portrait.uid = new_uid()
    portrait.name = unique
    portrait.strip_name = unique
    # Several previews at once should not lie on each other.
    portrait.preview.corner = _CORNERS[(len(portraits) - 1) % len(_CORNERS)]
    scene.heat.active_index = len(portraits) - 1
    return portrait


def _adopt_rig(portrait: Any, chosen: Any) -> None:
    """Take the selected object as the rig when it plainly is one."""
    if chosen is None:
        return
    if chosen.type == "MESH" and chosen.data.shape_keys is not None:
        portrait.mesh = chosen
    elif chosen.type == "ARMATURE":
        portrait.armature = chosen


class HEAT_OT_portrait_add(Operator):
    """Add a portrait to this scene; a selected mesh with shape keys becomes its face mesh."""

    bl_idname = "heat.portrait_add"
    bl_label = "Add Portrait"
    bl_description = (
        "Add a portrait to this scene; a selected mesh with shape keys becomes its face mesh"
    )
    bl_options = {"REGISTER", "UNDO"}

    photo: StringProperty(name="Photo", description="Picture file", subtype="FILE_PATH")
    portrait_name: StringProperty(name="Name", description="Name of the portrait")

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the add-on's properties are there."""
        missing = getattr(context.scene, "heat", None) is None
        return allow(cls, "Heat did not load completely" if missing else None)

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Add it."""
        portrait = add_portrait(context.scene, self.portrait_name or "Portrait")
        portrait.photo_path = self.photo
        _adopt_rig(portrait, context.object)
        return {"FINISHED"}


class HEAT_OT_portrait_remove(PortraitOperator, Operator):
    """Remove this portrait from the scene; its files and strips stay."""

    bl_idname = "heat.portrait_remove"
    bl_label = "Remove Portrait"
    bl_description = "Remove this portrait from the scene; its files and strips stay"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any, portrait: Any) -> None:
        """Stop its preview and job, then remove it."""
        from ..scene import lamp_rig

        heat = context.scene.heat
        uid = portrait.uid
        live.stop(uid)
        background_jobs.cancel("render", uid)
        lamp_rig.release(portrait)
        number = next(i for i, p in enumerate(heat.portraits) if p.uid == uid)
        heat.portraits.remove(number)
        property_animation.item_removed(context.scene, "heat.portraits", number)
        heat.active_index = max(0, min(heat.active_index, len(heat.portraits) - 1))


class HEAT_OT_add_sample_rig(Operator):
    """Add a head with 52 shape keys and a head bone, and map it to this portrait."""

    bl_idname = "heat.add_sample_rig"
    bl_label = "Add Heat Sample Rig"
    bl_description = "Add a head with 52 shape keys and a head bone, and map it to this portrait"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether objects can be added now."""
        reason = None
        if context.mode != "OBJECT":
            reason = "Leave the current mode (Tab) to add the sample rig"
        return allow(cls, reason)

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Add the rig; it is mapped to the active portrait, or to a new one."""
        from ..scene import auto_mapping, head_rig

        mesh, armature = head_rig.add_sample_rig(context)
        portrait = active_portrait(context.scene)
        if portrait is None or portrait.mesh is not None:
            # The portrait keeps its rig: the sample rig gets a portrait of its own.
            portrait = add_portrait(context.scene, "Portrait")
        portrait.mesh, portrait.armature = mesh, armature
        auto_mapping.map_portrait(portrait)
        head_rig.show_selected(context.scene)
        return {"FINISHED"}


class HEAT_OT_engine_options_show(PortraitOperator, Operator):
    """Make room in the portrait for the options that its engine has."""

    bl_idname = "heat.engine_options_show"
    bl_label = "Show Engine Options"
    bl_description = "Show the options that the chosen engine has of its own, at their defaults"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, _context: Any, portrait: Any) -> None:
        """Make the rows."""
        engine_options.make(portrait)


CLASSES = (
    HEAT_OT_portrait_add,
    HEAT_OT_portrait_remove,
    HEAT_OT_engine_options_show,
    HEAT_OT_add_sample_rig,
)


def register() -> None:
    """Put the sample rig into Add > Mesh."""
    bpy.types.VIEW3D_MT_mesh_add.append(_draw_add_menu)


def unregister() -> None:
    """Take it out again."""
    bpy.types.VIEW3D_MT_mesh_add.remove(_draw_add_menu)


def _draw_add_menu(self: Any, _context: Any) -> None:
    self.layout.operator("heat.add_sample_rig", icon="USER")
