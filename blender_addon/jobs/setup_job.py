# SPDX-License-Identifier: GPL-3.0-or-later
"""The set-up of the backend: its plan from the preferences, its job, and its state in lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..backend import choose
from ..backend.owner import owner
from ..core.setup import environment, interpreter, setup_run, torch_build
from ..data import preferences
from . import background_jobs
from .background_jobs import DONE, RunJob


class SetupJob(RunJob):
    """One set-up of the backend's environment."""

    kind = "setup"
    title = "set-up"
    interval = 0.25

    def ended(self) -> None:
        """Look for the backend again."""
        choose.forget_missing()


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


def start(what: setup_run.SetupPlan) -> SetupJob:
    """Begin a set-up.

    Raises
    ------
    BadInput
        One is under way, or the disk is too full.
    """
    if background_jobs.running("setup"):
        raise bridge.errors.BadInput("The set-up is under way")
    owner().stop()  # an environment in use cannot be changed
    preferences.make_data_folder()
    run = setup_run.SetupRun(what)
    run.start()
    job = SetupJob(run)
    background_jobs.start(job)
    return job


def size_line(prefs: Any) -> str:
    """Return how much a set-up would download, in words."""
    if prefs.wheel_folder:
        return "Installs from the folder of packages; nothing is downloaded"
    return torch_build.size_sentence(torch_build.choose(prefs.torch_build))


def lines(prefs: Any) -> list[tuple[str, str]]:
    """Return (icon, sentence) pairs about the environment for the preferences."""
    job = background_jobs.find("setup")
    if background_jobs.running("setup"):
        return [("IMPORT", job.line())]
    rows: list[tuple[str, str]] = []
    if job is not None and job.state != DONE:
        rows.append(("ERROR", job.message))
    state = environment.state_of(preferences.environment(), _wheel())
    lines_of = {
        environment.ABSENT: ("INFO", "The backend is not set up yet."),
        environment.UNFINISHED: ("ERROR", "The set-up was not finished: run it again."),
        environment.OUTDATED: (
            "INFO",
            "The backend is of another version than the add-on: run the set-up again.",
        ),
        environment.READY: ("CHECKMARK", "The backend is set up."),
    }
    rows.append(lines_of[state])
    if state != environment.READY:
        rows.append(("BLANK1", size_line(prefs) + "."))
    if torch_build.has_nvidia() and prefs.torch_build != "CPU":
        rows.append(("INFO", "An NVIDIA card was rows: the larger build that uses it is taken."))
    return rows


def _wheel() -> Path | None:
    try:
        return environment.packed_wheel(choose.addon_folder())
    except bridge.errors.MissingHere:
        return None
