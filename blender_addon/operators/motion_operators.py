# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the motion: bake, cancel."""

from typing import Any

from bpy.types import Operator

from ..jobs import background_jobs
from .operator_helpers import CancelOperator, PortraitOperator

# Modules that load numpy are imported in functions, so that Blender starts without them.


class HEAT_OT_bake_motion(PortraitOperator, Operator):
    """Read the source in the background, then bake it onto the rig."""

    bl_idname = "heat.bake_motion"
    bl_label = "Bake Motion"
    bl_description = (
        "Read the face or the voice in the background, then set keyframes on the rig: on an NLA "
        "strip of their own, so that other animation stays. Again, it replaces only its own strip"
    )

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Not while its motion is being read."""
        if background_jobs.running("motion", portrait.uid):
            return "The motion of this portrait is being read"
        return None

    def run(self, context: Any, portrait: Any) -> set[str]:
        """Start it; in background Blender, see it through."""
        from ..jobs import motion_job

        job = motion_job.start(context.scene, portrait)
        return background_jobs.report_outcome(self, job)


class HEAT_OT_motion_cancel(CancelOperator, Operator):
    """Stop reading the source."""

    bl_idname = "heat.motion_cancel"
    bl_label = "Cancel"
    bl_description = "Stop reading; the next bake goes on there"
    kind: background_jobs.Kind = "motion"
    idle = "No motion is being read"


CLASSES = (HEAT_OT_bake_motion, HEAT_OT_motion_cancel)
