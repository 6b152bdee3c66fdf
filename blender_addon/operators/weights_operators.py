# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators of the StyleHEAT engine's weights."""

from typing import Any

import bpy
from bpy.props import BoolProperty
from bpy.types import Operator

from .. import bridge, text_lines
from ..jobs import background_jobs, weights_job
from .operator_helpers import allow, report_errors

_WIDTH = 460


def _busy() -> str | None:
    return (
        "The weights are being fetched or checked" if background_jobs.running("weights") else None
    )


class HEAT_OT_fetch_weights(Operator):
    """Fetch the weights of the StyleHEAT engine."""

    bl_idname = "heat.fetch_weights"
    bl_label = "Fetch Weights"
    bl_description = (
        "Download the published StyleHEAT checkpoints, some gigabytes, after showing their "
        "licences. Run again, it goes on where it stopped"
    )

    accept: BoolProperty(
        name="I accept the licences above",
        description="Needed once",
        default=False,
        options={"SKIP_SAVE"},
    )
    accept_by_name: BoolProperty(
        name="I have agreed to the Basel Face Model licence",
        description="Needed once: it binds you, not the program",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether none is under way."""
        return allow(cls, _busy())

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the dialog."""
        return self.open_dialog(context)

    @report_errors
    def open_dialog(self, context: Any) -> set[str]:
        """Open a dialog with what would be fetched, and under which licences."""
        known = weights_job.report_now()
        if not known.to_fetch:
            self.report({"INFO"}, "All weights are here")
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(
            self, width=_WIDTH, title="Fetch Weights", confirm_text="Fetch"
        )

    def draw(self, context: Any) -> None:
        """Draw the files and the licences."""
        known = weights_job.report()
        if known is None:
            return
        column = self.layout.column()
        width = _WIDTH - 20
        text_lines.draw_wide(column, context, f"Files: {', '.join(known.to_fetch)}.", width)
        text_lines.draw_wide(column, context, f"Into {known.folder}", width)
        for licence in known.licences:
            box = column.box()
            text_lines.draw_wide(box, context, f"{licence.title}.", width - 20)
            text_lines.draw_wide(box, context, licence.summary, width - 20)
            text_lines.draw_wide(box, context, f"For {', '.join(licence.files)}.", width - 20)
            box.operator("wm.url_open", text=licence.address, icon="URL").url = licence.address
            if licence.by_name:
                box.prop(self, "accept_by_name")
        if any(not licence.by_name for licence in known.licences):
            column.prop(self, "accept")

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        if not bpy.app.online_access:
            raise bridge.errors.MissingHere(
                "Blender is set to stay offline: allow online access in Preferences > System, or "
                "name a folder that has the weights"
            )
        known = weights_job.report_now()
        arguments = ["fetch"]
        for licence in known.licences:
            if not (self.accept_by_name if licence.by_name else self.accept):
                raise bridge.errors.UsageError(
                    f"Accept the licence first: {licence.title} ({licence.address})"
                )
            arguments += ["--accept-licence", licence.name]
        job = weights_job.start(tuple(arguments), "The weights are here")
        return background_jobs.report_outcome(self, job)


class HEAT_OT_verify_weights(Operator):
    """Check the weights on the disk."""

    bl_idname = "heat.verify_weights"
    bl_label = "Verify Weights"
    bl_description = (
        "Read the weights through and compare them with their checksums and their layout"
    )

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether none is under way."""
        return allow(cls, _busy())

    @report_errors
    def execute(self, _context: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        job = weights_job.start(("verify",), "The weights are sound")
        return background_jobs.report_outcome(self, job)


class HEAT_OT_weights_cancel(Operator):
    """Stop fetching or checking."""

    bl_idname = "heat.weights_cancel"
    bl_label = "Stop"
    bl_description = "Stop; what was fetched is kept, and the next fetch goes on there"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether one is under way."""
        return allow(cls, None if _busy() else "Nothing is being fetched")

    def execute(self, _context: Any) -> set[str]:
        """Stop it."""
        background_jobs.cancel("weights")
        return {"FINISHED"}


CLASSES = (HEAT_OT_fetch_weights, HEAT_OT_verify_weights, HEAT_OT_weights_cancel)
