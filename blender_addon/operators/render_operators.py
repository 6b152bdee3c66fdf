# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the render into the sequencer."""

from typing import Any

import bpy
from bpy.types import Operator

from . import operator_helpers
from .heat_tab import OnPortrait


class HEAT_OT_render(OnPortrait, Operator):
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
        from ..jobs import render_jobs

        return render_jobs.reason_against(scene, portrait)

    @operator_helpers.told
    def execute(self, context: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        from ..jobs import render_jobs

        portrait = operator_helpers.chosen_portrait(self, context)
        return _run(self, render_jobs.start(context.scene, portrait))


class HEAT_OT_render_resume(OnPortrait, Operator):
    """Go on with a render that was cancelled or cut off."""

    bl_idname = "heat.render_resume"
    bl_label = "Resume"
    bl_description = "Go on with the take that was cancelled or cut off; finished frames stay"

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only with an unfinished take."""
        from ..jobs import render_jobs

        if render_jobs.unfinished(portrait) is None:
            return "There is no unfinished take to resume"
        return None

    @operator_helpers.told
    def execute(self, context: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        from ..jobs import render_jobs

        portrait = operator_helpers.chosen_portrait(self, context)
        return _run(self, render_jobs.resume(context.scene, portrait))


class HEAT_OT_render_cancel(OnPortrait, Operator):
    """Cancel the render."""

    bl_idname = "heat.render_cancel"
    bl_label = "Cancel"
    bl_description = "Stop the render; finished frames stay, and Resume goes on from them"

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only while something is being rendered."""
        from ..jobs import render_jobs

        if not render_jobs.running(portrait.uid):
            return "Nothing is being rendered"
        return None

    @operator_helpers.told
    def execute(self, context: Any) -> set[str]:
        """Cancel it."""
        from ..jobs import render_jobs

        render_jobs.cancel(operator_helpers.chosen_portrait(self, context).uid)
        return {"FINISHED"}


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
        from ..scene import view_transform

        view_transform.fix(context.scene)
        return {"FINISHED"}


class HEAT_OT_match_resolution(OnPortrait, Operator):
    """Give the scene the size of the rendered frames."""

    bl_idname = "heat.match_resolution"
    bl_label = "Match Scene to Photo"
    bl_description = (
        "Set the scene's resolution to the size of this portrait's rendered frames, so that "
        "Blender's own renders show them without bars"
    )
    bl_options = {"REGISTER", "UNDO"}

    @operator_helpers.told
    def execute(self, context: Any) -> set[str]:
        """Set it."""
        from ..scene import take_view

        portrait = operator_helpers.chosen_portrait(self, context)
        width, height = take_view.match_resolution(context.scene, portrait.uid)
        self.report({"INFO"}, f"The scene renders {width} x {height} now")
        return {"FINISHED"}


class HEAT_OT_open_sequencer(Operator):
    """Show the Video Sequencer."""

    bl_idname = "heat.open_sequencer"
    bl_label = "Open Video Sequencer"
    bl_description = "Show the Video Sequencer with the strip, in a new window where none is open"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether there is a window."""
        reason = "Blender has no window here" if bpy.app.background else None
        return operator_helpers.allow(cls, reason)

    def execute(self, context: Any) -> set[str]:
        """Show it."""
        from ..scene import take_view

        take_view.open_sequencer(context)
        return {"FINISHED"}


CLASSES = (
    HEAT_OT_render,
    HEAT_OT_render_resume,
    HEAT_OT_render_cancel,
    HEAT_OT_fix_view_transform,
    HEAT_OT_match_resolution,
    HEAT_OT_open_sequencer,
)


def _run(operator: Any, task: Any) -> set[str]:
    from ..jobs import render_jobs

    if not bpy.app.background:
        return {"FINISHED"}
    try:
        render_jobs.finish(task)
    except KeyboardInterrupt:
        task.cancel()
        render_jobs.finish(task)
    if task.state == "done":
        operator.report({"INFO"}, task.message)
        return {"FINISHED"}
    operator.report({"ERROR"}, task.message)
    return {"CANCELLED"}
