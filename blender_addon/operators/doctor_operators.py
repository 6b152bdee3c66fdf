# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the check of this machine."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty
from bpy.types import Operator

from .. import bridge
from ..jobs import background_jobs, doctor_job
from .operator_helpers import allow, report_errors


class HEAT_OT_doctor(Operator):
    """Look at this machine and at the backend."""

    bl_idname = "heat.doctor"
    bl_label = "Check Everything"
    bl_description = (
        "Look at this machine, try every part of the backend, and offer what mends the rest. "
        "Takes some seconds"
    )

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether neither a check nor a set-up is under way."""
        if background_jobs.running("setup"):
            return allow(cls, "The set-up is under way")
        return allow(cls, "It is under way" if background_jobs.running("doctor") else None)

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Start it; in background Blender, wait for it and print what is wrong."""
        job = doctor_job.start()
        done = background_jobs.report_outcome(self, job)
        if job.finished:
            wrong = [check for check in job.checks if check.wrong]
            for check in wrong:
                self.report({"WARNING"}, f"{check.name}: {check.detail}")
            if not wrong:
                self.report({"INFO"}, "Everything that is needed is here")
        return done


class HEAT_OT_open_folder(Operator):
    """Show a folder in the system's file browser."""

    bl_idname = "heat.open_folder"
    bl_label = "Open Folder"
    bl_description = "Show the folder in the system's file browser"

    folder: StringProperty(name="Folder", options={"SKIP_SAVE"})

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Show it."""
        if not Path(self.folder).is_dir():
            raise bridge.errors.BadInput(f'The folder "{self.folder}" is not there')
        if not bpy.app.background:
            bpy.ops.wm.path_open(filepath=self.folder)
        return {"FINISHED"}


CLASSES = (HEAT_OT_doctor, HEAT_OT_open_folder)
