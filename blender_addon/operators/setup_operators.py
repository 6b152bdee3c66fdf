# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the backend's set-up, and of its removal."""

from __future__ import annotations

import os
from typing import Any

import bpy
from bpy.types import Operator

from .. import bridge, text_lines
from ..core.setup import removal, setup_run
from ..data import preferences
from ..jobs import background_jobs, setup_job
from .operator_helpers import allow

_WIDTH = 520  # of dialogs, in pixels at scale 1; text is wrapped to 20 less
_ERRORS = (bridge.errors.HeatError, OSError)


def _busy() -> str | None:
    running = background_jobs.running("setup") or background_jobs.running("removal")
    return "The set-up, or the removal, is under way" if running else None


class _SetupOperator:
    """Base of the set-up's operators: a dialog that tells what comes from where, then the job."""

    bl_label = ""
    layout: Any
    networks = False
    told: tuple[str, ...] = ()

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether none is under way."""
        return allow(cls, _busy())

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the dialog."""
        return self.open_dialog(context)

    def open_dialog(self, context: Any) -> set[str]:
        """Look at Python and the settings of pip, then tell what would be done and ask."""
        try:
            plan = setup_job.plan(preferences.current(), networks=self.networks)
            tools = setup_run.tools(plan)
        except _ERRORS as error:
            return setup_job.refuse(self, error)
        rows = [*setup_job.size_lines(plan), f"Into {plan.places.data}"]
        if tools.python.own:
            rows.append(f"Blender's own Python {tools.python.version} runs it and stays as it is")
        else:
            rows.append(f"Python {tools.python.version} runs it: {tools.python.path}")
        if plan.wheel_folder is None:
            rows += tools.source.lines(os.environ)
        self.told = tuple(rows)
        return context.window_manager.invoke_props_dialog(
            self, width=_WIDTH, title=self.bl_label, confirm_text="Install"
        )

    def draw(self, context: Any) -> None:
        """Draw what is going to happen."""
        column = self.layout.column()
        for line in self.told:
            text_lines.draw_wide(column, context, line, _WIDTH - 20)
        prefs = preferences.current()
        if self.networks and isinstance(prefs, bpy.types.AddonPreferences):
            column.prop(prefs, "torch_build")

    def execute(self, _context: Any) -> set[str]:
        """Start it; in background Blender, wait for it."""
        try:
            plan = setup_job.plan(preferences.current(), networks=self.networks)
            job = setup_job.start(plan)
        except _ERRORS as error:
            return setup_job.refuse(self, error)
        return setup_job.outcome(self, job)


class HEAT_OT_setup_backend(_SetupOperator, Operator):
    """Make the environment that the backend runs in."""

    bl_idname = "heat.setup_backend"
    bl_label = "Set Up Backend"
    bl_description = (
        "Install the backend's packages into a folder of their own in your user data; Blender's "
        "own Python is left alone. What is there serves until the new one is tried"
    )


class HEAT_OT_add_networks(_SetupOperator, Operator):
    """Add PyTorch to the backend's environment."""

    bl_idname = "heat.add_networks"
    bl_label = "Add Networks (PyTorch)"
    bl_description = (
        "Install PyTorch for the backend: the StyleHEAT engine and graphics cards need it, the "
        "engine Warp does without"
    )
    networks = True


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


class HEAT_OT_remove_backend(Operator):
    """Remove the backend's environment, caches and logs."""

    bl_idname = "heat.remove_backend"
    bl_label = "Remove Backend"
    bl_description = (
        "End the backend and remove its environment, caches and logs from the disk. Weights that "
        "were fetched, and what you rendered, stay"
    )

    items: tuple[removal.Item, ...] = ()

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether no set-up is under way."""
        return allow(cls, _busy())

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Show what would go, with sizes, and ask."""
        self.items = tuple(setup_job.removable())
        return context.window_manager.invoke_props_dialog(
            self, width=_WIDTH, title="Remove Backend", confirm_text="Remove"
        )

    def draw(self, context: Any) -> None:
        """Draw what would go."""
        column = self.layout.column()
        for item in self.items:
            where = ", ".join(map(str, item.paths))
            text = f"{item.name}: {item.megabytes:,.0f} MB ({where})"
            text_lines.draw_wide(column, context, text, _WIDTH - 20)
        total = sum(item.megabytes for item in self.items)
        text_lines.draw_wide(column, context, f"In all {total:,.0f} MB", _WIDTH - 20)

    def execute(self, _context: Any) -> set[str]:
        """End the backend and remove it all."""
        try:
            job = setup_job.start_removal(setup_job.removable())
        except _ERRORS as error:
            return setup_job.refuse(self, error)
        return setup_job.outcome(self, job)


CLASSES = (
    HEAT_OT_setup_backend,
    HEAT_OT_add_networks,
    HEAT_OT_setup_cancel,
    HEAT_OT_remove_backend,
)
