# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the motion: bake, cancel."""

from typing import Any

from bpy.types import Operator

from .. import background_jobs, operator_edge
from ..heat_tab import OnPortrait


class HEAT_OT_bake_motion(OnPortrait, Operator):
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
        from . import motion_task

        if motion_task.running(portrait.uid):
            return "The motion of this portrait is being read"
        return None

    @operator_edge.told
    def execute(self, context: Any) -> set[str]:
        """Start it; in background Blender, see it through."""
        from . import motion_task

        job = motion_task.start(context.scene, operator_edge.chosen_portrait(self, context))
        return background_jobs.told(self, job)


class HEAT_OT_motion_cancel(OnPortrait, Operator):
    """Stop reading the source."""

    bl_idname = "heat.motion_cancel"
    bl_label = "Cancel"
    bl_description = "Stop reading; the next bake goes on there"

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only while something is being read."""
        from . import motion_task

        if not motion_task.running(portrait.uid):
            return "No motion is being read"
        return None

    @operator_edge.told
    def execute(self, context: Any) -> set[str]:
        """Stop it."""
        from . import motion_task

        motion_task.cancel(operator_edge.chosen_portrait(self, context).uid)
        return {"FINISHED"}


CLASSES = (HEAT_OT_bake_motion, HEAT_OT_motion_cancel)


def register() -> None:
    """Let a job end when another file is opened."""
    from . import motion_task

    motion_task.register()


def unregister() -> None:
    """Cancel all jobs."""
    from . import motion_task

    motion_task.unregister()
