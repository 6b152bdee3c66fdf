# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Starting and stopping the live preview."""

import time
from typing import Any

import bpy
from bpy.props import FloatProperty
from bpy.types import Operator

from ..backend import choose
from ..data import portraits
from ..preview import live, sessions, software_drawing
from .operator_helpers import PortraitOperator


class HEAT_OT_preview_start(PortraitOperator, Operator):
    """Show the portrait live, following the rig."""

    bl_idname = "heat.preview_start"
    bl_label = "Start Preview"
    bl_description = "Show the portrait live: it follows sliders, scrubbing, playback and undo"

    wait: FloatProperty(
        name="Wait",
        description="Seconds to wait for the first frame where Blender has no window",
        default=120.0,
        min=0.0,
    )

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only with a photo and a backend."""
        return portraits.photo_complaint(portrait) or choose.missing()

    def run(self, _context: Any, portrait: Any) -> set[str] | None:
        """Start it; in background Blender, wait for the first frame."""
        live.start(portrait)
        return self._wait(portrait) if bpy.app.background else None

    def _wait(self, portrait: Any) -> set[str]:
        uid = portrait.uid
        end = time.monotonic() + self.wait
        while time.monotonic() < end:
            live.step()
            session = sessions.session_of(uid)
            if session is None or _is_shown(session, portrait):
                break
            if session.live.state == "failed":
                self.report({"ERROR"}, str(session.live.error))
                live.stop(uid)
                return {"CANCELLED"}
            time.sleep(0.01)
        return {"FINISHED"}


class HEAT_OT_preview_stop(PortraitOperator, Operator):
    """Stop the live preview of the active portrait."""

    bl_idname = "heat.preview_stop"
    bl_label = "Stop Preview"
    bl_description = "Stop the live preview"

    @classmethod
    def reason_against(cls, scene: Any, portrait: Any) -> str | None:
        """Only while it runs."""
        if sessions.session_of(portrait.uid) is None:
            return "The preview is not running"
        return None

    def run(self, _context: Any, portrait: Any) -> None:
        """Stop it."""
        live.stop(portrait.uid)


class HEAT_OT_fix_anti_aliasing(Operator):
    """Draw viewports without anti-aliasing."""

    bl_idname = "heat.fix_anti_aliasing"
    bl_label = "Turn Anti-Aliasing Off"
    bl_description = (
        "Set Viewport Anti-Aliasing in Blender's preferences to none, for all viewports. Renders "
        "are not concerned"
    )

    def execute(self, context: Any) -> set[str]:
        """Set it."""
        software_drawing.fix(context)
        return {"FINISHED"}


CLASSES = (HEAT_OT_preview_start, HEAT_OT_preview_stop, HEAT_OT_fix_anti_aliasing)


def _is_shown(session: Any, portrait: Any) -> bool:
    if portrait.preview.mode == "IMAGE":
        return bool(session.image_number)
    return session.frame is not None
