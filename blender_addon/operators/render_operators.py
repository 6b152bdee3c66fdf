# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the render into the sequencer."""

from typing import Any

import bpy
from bpy.types import Operator

from ..jobs import background_jobs
from ..scene import take_strip
from .operator_helpers import CancelOperator, PortraitOperator, allow

# Modules that load numpy are imported in functions, so that Blender starts without them.


class HEAT_OT_render(PortraitOperator, Operator):
    """Render the frame range in the background and put it into the sequencer."""

    bl_idname = "heat.render"
    bl_label = "Render to Sequencer"
    bl_description = (
        "Render the frames in the background and put them into the sequencer as a strip; "
        "Blender stays usable. Waits for the end where Blender has no window"
    )

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only with a portrait that can be rendered."""
        from ..jobs import render_job

        return render_job.reason_against(scene, portrait)

    def run(self, context: Any, portrait: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        from ..jobs import render_job

        return background_jobs.report_outcome(self, render_job.start(context.scene, portrait))


class HEAT_OT_render_resume(PortraitOperator, Operator):
    """Go on with a render that was cancelled or cut off."""

    bl_idname = "heat.render_resume"
    bl_label = "Resume"
    bl_description = "Go on with the take that was cancelled or cut off; finished frames stay"

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only with an unfinished take."""
        from ..jobs import render_job

        if render_job.unfinished(portrait) is None:
            return "There is no unfinished take to resume"
        return None

    def run(self, context: Any, portrait: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        from ..jobs import render_job

        return background_jobs.report_outcome(self, render_job.resume(context.scene, portrait))


class HEAT_OT_render_cancel(CancelOperator, Operator):
    """Cancel the render."""

    bl_idname = "heat.render_cancel"
    bl_label = "Cancel"
    bl_description = "Stop the render; finished frames stay, and Resume goes on from them"
    kind: background_jobs.Kind = "render"
    idle = "Nothing is being rendered"


class HEAT_OT_fix_view_transform(Operator):
    """Let the scene show the photo's own colours."""

    bl_idname = "heat.fix_view_transform"
    bl_label = "Use Standard View"
    bl_description = (
        "Set the scene's colour management to Standard, so that the photo keeps its colours in "
        "renders. 3D content of this scene looks different then too"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Set it."""
        take_strip.show_srgb(context.scene)
        return {"FINISHED"}


class HEAT_OT_match_resolution(PortraitOperator, Operator):
    """Give the scene the size of the rendered frames."""

    bl_idname = "heat.match_resolution"
    bl_label = "Match Scene to Photo"
    bl_description = (
        "Set the scene's resolution to the size of this portrait's rendered frames, so that "
        "Blender's own renders show them without bars"
    )
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: Any, portrait: Any) -> None:
        """Set it."""
        width, height = take_strip.match_resolution(context.scene, portrait.uid)
        self.report({"INFO"}, f"The scene renders {width} x {height} now")


class HEAT_OT_open_sequencer(Operator):
    """Show the Video Sequencer."""

    bl_idname = "heat.open_sequencer"
    bl_label = "Open Video Sequencer"
    bl_description = "Show the Video Sequencer with the strip, in a new window where none is open"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether there is a window."""
        reason = "Blender has no window here" if bpy.app.background else None
        return allow(cls, reason)

    def execute(self, context: Any) -> set[str]:
        """Show it."""
        take_strip.open_sequencer(context)
        return {"FINISHED"}


CLASSES = (
    HEAT_OT_render,
    HEAT_OT_render_resume,
    HEAT_OT_render_cancel,
    HEAT_OT_fix_view_transform,
    HEAT_OT_match_resolution,
    HEAT_OT_open_sequencer,
)
