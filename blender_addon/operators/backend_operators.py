# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the backend process, its logs and its preferences."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty
from bpy.types import Operator

from .. import bridge
from ..backend import choose, owner
from ..data import preferences
from ..preview import live
from .operator_helpers import report_errors


class HEAT_OT_backend_restart(Operator):
    """End the backend and start it afresh."""

    bl_idname = "heat.backend_restart"
    bl_label = "Restart Backend"
    bl_description = "End the backend; it starts afresh, at once where something waits for it"

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Restart it."""
        choose.forget_missing()
        owner = choose.ready()
        owner.stop()
        live.restart_failed()
        return {"FINISHED"}


class HEAT_OT_open_log(Operator):
    """Show a log in a text editor of this Blender, or in the system's viewer."""

    bl_idname = "heat.open_log"
    bl_label = "Open Log"
    bl_description = "Open the log in the system's text viewer"

    which: EnumProperty(
        name="Log",
        items=(
            ("SETUP", "Set-up", "Log of the last set-up"),
            ("BACKEND", "Backend", "Log of the backend"),
        ),
        default="BACKEND",
    )

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Open it."""
        path = preferences.places().log if self.which == "SETUP" else preferences.backend_log()
        if not path.is_file():
            raise bridge.errors.BadInput("There is no log yet")
        _show(path)
        self.report({"INFO"}, f"Log: {path}")
        return {"FINISHED"}


class HEAT_OT_open_preferences(Operator):
    """Open the preferences of this add-on."""

    bl_idname = "heat.open_preferences"
    bl_label = "Heat Preferences"
    bl_description = "Open the add-on's preferences, where the backend is set up"

    def execute(self, _context: Any) -> set[str]:
        """Open them."""
        package = __package__.rsplit(".", 1)[0]
        if not bpy.app.background:
            bpy.ops.screen.userpref_show()
        bpy.ops.preferences.addon_show(module=package)
        return {"FINISHED"}


CLASSES = (HEAT_OT_backend_restart, HEAT_OT_open_log, HEAT_OT_open_preferences)


def unregister() -> None:
    """End the backend with the add-on."""
    owner.close()


def _show(path: Path) -> None:
    if not bpy.app.background:
        bpy.ops.wm.path_open(filepath=str(path))
