# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the backend's set-up."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import Operator

from .. import text_lines
from ..core.setup import interpreter
from ..data import preferences
from ..jobs import background_jobs, setup_job
from .operator_helpers import allow, report_errors


class HEAT_OT_setup_backend(Operator):
    """Make the environment that the backend runs in."""

    bl_idname = "heat.setup_backend"
    bl_label = "Set Up Backend"
    bl_description = (
        "Make an environment for the backend in your own data folder and install it there; "
        "Blender's own Python is left alone. Run again, it repairs what is there"
    )

    interpreter_line = ""

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether none is under way."""
        reason = "The set-up is under way" if background_jobs.running("setup") else None
        return allow(cls, reason)

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the dialog."""
        return self.open_dialog(context)

    @report_errors
    def open_dialog(self, context: Any) -> set[str]:
        """Look for an interpreter, then open a dialog with it and the size of the download."""
        plan = setup_job.plan(preferences.current())
        self.interpreter_line = interpreter.described(plan.interpreter)
        return context.window_manager.invoke_props_dialog(
            self, width=420, title="Set Up Backend", confirm_text="Set Up"
        )

    def draw(self, context: Any) -> None:
        """Draw what is going to happen."""
        prefs = preferences.current()
        column = self.layout.column()
        text_lines.draw_wide(column, context, setup_job.size_line(prefs) + ".", 400)
        text_lines.draw_wide(column, context, f"Into {preferences.environment()}", 400)
        text_lines.draw_wide(column, context, self.interpreter_line, 400)
        if isinstance(prefs, bpy.types.AddonPreferences):
            column.prop(prefs, "torch_build")

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        job = setup_job.start(setup_job.plan(preferences.current()))
        return background_jobs.report_outcome(self, job)


class HEAT_OT_setup_cancel(Operator):
    """Cancel the set-up."""

    bl_idname = "heat.setup_cancel"
    bl_label = "Cancel Set-Up"
    bl_description = "Stop the set-up; running it again goes on from there"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether one is under way."""
        return allow(cls, None if background_jobs.running("setup") else "Nothing is being set up")

    def execute(self, _context: Any) -> set[str]:
        """Cancel it."""
        background_jobs.cancel("setup")
        return {"FINISHED"}


CLASSES = (HEAT_OT_setup_backend, HEAT_OT_setup_cancel)
