# SPDX-License-Identifier: GPL-3.0-or-later
"""The set-up of this Blender: from the preferences to a plan, and its state in lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..backend import choose, status_lines
from ..backend.owner import owner
from ..core.setup import environment, interpreter, setup_run, torch_build
from ..data import preferences

_TICK = 0.25
_run: setup_run.SetupRun | None = None


def current() -> setup_run.SetupRun | None:
    """Return the last set-up of this Blender, running or ended, or None."""
    return _run


def running() -> bool:
    """Whether a set-up is under way."""
    return _run is not None and _run.status.state == setup_run.RUNNING


def plan(prefs: Any) -> setup_run.SetupPlan:
    """Return what a set-up would do, from the preferences.

    Raises
    ------
    MissingHere
        No interpreter, no wheel, or Blender is offline.
    """
    wheel_folder = Path(bpy.path.abspath(prefs.wheel_folder)) if prefs.wheel_folder else None
    if wheel_folder is not None and not wheel_folder.is_dir():
        raise bridge.errors.BadInput(f'The folder of packages "{wheel_folder}" is not there')
    if wheel_folder is None and not bpy.app.online_access:
        raise bridge.errors.MissingHere(
            "Blender is set to stay offline: allow online access in Preferences > System, name a "
            "folder of packages, or use an environment that exists"
        )
    return setup_run.SetupPlan(
        folder=preferences.environment(),
        wheel=environment.packed_wheel(choose.addon_folder()),
        interpreter=interpreter.find(
            bpy.path.abspath(prefs.base_python) if prefs.base_python else ""
        ),
        build=torch_build.choose(prefs.torch_build),
        wheel_folder=wheel_folder,
        log_path=preferences.setup_log(),
    )


def start(what: setup_run.SetupPlan) -> setup_run.SetupRun:
    """Begin a set-up.

    Raises
    ------
    BadInput
        One is under way, or the disk is too full.
    """
    global _run
    if running():
        raise bridge.errors.BadInput("The set-up is under way")
    # An environment in use cannot be changed under it.

    owner().stop()
    preferences.make_data_folder()
    run = setup_run.SetupRun(what)
    run.start()
    _run = run
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=_TICK, persistent=True)
    return run


def cancel() -> None:
    """Cancel the set-up, if one runs."""
    if _run is not None:
        _run.cancel()


def size_line(prefs: Any) -> str:
    """Return how much a set-up would download, in words."""
    if prefs.wheel_folder:
        return "Installs from the folder of packages; nothing is downloaded"
    return torch_build.size_sentence(torch_build.choose(prefs.torch_build))


def lines(prefs: Any) -> list[tuple[str, str]]:
    """Return (icon, sentence) pairs about the environment for the preferences."""
    run = _run
    if run is not None and run.status.state == setup_run.RUNNING:
        return [("IMPORT", run.status.text)]
    found: list[tuple[str, str]] = []
    if run is not None and run.status.state in {setup_run.FAILED, setup_run.CANCELLED}:
        found.append(("ERROR", run.status.text))
    state = environment.state_of(preferences.environment(), _wheel())
    told = {
        environment.ABSENT: ("INFO", "The backend is not set up yet."),
        environment.UNFINISHED: ("ERROR", "The set-up was not finished: run it again."),
        environment.OUTDATED: (
            "INFO",
            "The backend is of another version than the add-on: run the set-up again.",
        ),
        environment.READY: ("CHECKMARK", "The backend is set up."),
    }
    found.append(told[state])
    if state != environment.READY:
        found.append(("BLANK1", size_line(prefs) + "."))
    if torch_build.has_nvidia() and prefs.torch_build != "CPU":
        found.append(("INFO", "An NVIDIA card was found: the larger build that uses it is taken."))
    return found


def _wheel() -> Path | None:
    try:
        return environment.packed_wheel(choose.addon_folder())
    except bridge.errors.MissingHere:
        return None


def _on_timer() -> float | None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
    if running():
        return _TICK
    status_lines.forget()
    return None


def unregister() -> None:
    """Cancel a set-up that runs."""
    cancel()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
