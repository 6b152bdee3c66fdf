# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators by which a lamp of the scene drives the light on the face."""

from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty
from bpy.types import Operator

from .. import bridge
from ..jobs import background_jobs
from .match_operators import IdleFaceOperator
from .operator_helpers import PortraitOperator

# Modules that load numpy are imported in functions, so that Blender starts without them.


class HEAT_OT_edit_drive_light(PortraitOperator, Operator):
    """Let a lamp of the scene drive the light on the face."""

    bl_idname = "heat.edit_drive_light"
    bl_label = "Drive Light from Lamp"
    bl_description = (
        "Add drivers that turn the light on the face as the lamp stands to the head: a lamp in "
        "front of the face leaves the photo's light as it is"
    )
    bl_options = {"REGISTER", "UNDO"}

    lamp: StringProperty(
        name="Lamp", description="Name of a light object; empty for the one picked"
    )
    use_energy: BoolProperty(
        name="Energy",
        description="Let the lamp's energy drive the amount, too: as it is now is the photo's own",
        default=True,
    )
    from_here: BoolProperty(
        name="From Here",
        description="The photo's own light comes from where the lamp is now",
        default=False,
        options={"SKIP_SAVE"},
    )

    def run(self, _context: Any, portrait: Any) -> None:
        """Add them."""
        from ..scene import lamp_rig

        lamp = bpy.data.objects.get(self.lamp) if self.lamp else portrait.edits.lamp
        if self.lamp and lamp is None:
            raise bridge.errors.UsageError(f'There is no lamp "{self.lamp}"')
        lamp_rig.drive(portrait, lamp, amount=self.use_energy, here=self.from_here)


class HEAT_OT_edit_release_light(PortraitOperator, Operator):
    """Let the lamp go; the light stays as it is."""

    bl_idname = "heat.edit_release_light"
    bl_label = "Release Lamp"
    bl_description = "Remove the lamp's drivers; the light on the face stays as it is"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, _context: Any, portrait: Any) -> None:
        """Remove them."""
        from ..scene import lamp_rig

        lamp_rig.release(portrait)


class HEAT_OT_edit_own_light(IdleFaceOperator, Operator):
    """Find where the photo's own light comes from."""

    bl_idname = "heat.edit_own_light"
    bl_label = "Own from Photo"
    bl_description = (
        "Fit the light of the photo, and note where it comes from: a lamp that stands there "
        "leaves it as it is, and the light on the face comes from where the lamp is"
    )

    def run(self, context: Any, portrait: Any) -> set[str]:
        """Start it; in background Blender, see it through."""
        from ..jobs import face_job

        job = face_job.start(context.scene, portrait, face_job.light_order())
        return background_jobs.report_outcome(self, job)


CLASSES = (HEAT_OT_edit_drive_light, HEAT_OT_edit_release_light, HEAT_OT_edit_own_light)
