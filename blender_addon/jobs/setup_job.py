# SPDX-License-Identifier: GPL-3.0-or-later
"""The set-up of the backend and its removal: plans from the preferences, jobs, state in lines."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

import bpy

from .. import bridge
from ..backend import choose
from ..backend.owner import owner
from ..core.setup import environment, machine, packed, removal, setup_run, torch_build
from ..data import preferences
from . import background_jobs
from .background_jobs import DONE, QueryJob, RunJob

# Why the last set-up could not even begin; "" when it did.
_problem = ""


class SetupJob(RunJob):
    """One set-up of the backend's environment."""

    kind = "setup"
    title = "set-up"
    interval = 0.25

    def __init__(self, run: setup_run.SetupRun) -> None:
        super().__init__(run)
        self._places = run.plan.places
        self._cleaning: threading.Thread | None = None

    def complete(self) -> None:
        """Let the new environment serve, then remove the old one."""
        if self._cleaning is None:
            choose.forget_missing()
            with contextlib.suppress(bridge.errors.HeatError):
                choose.ready()  # ends a backend of the old environment
            owner().stop()  # one of this environment does not know the networks yet
            self._cleaning = threading.Thread(
                target=setup_run.clean, args=(self._places,), name="heat-clean", daemon=True
            )
            self._cleaning.start()
        if not self._cleaning.is_alive():
            self.end(DONE, self.run.status.text)

    def ended(self) -> None:
        """Look for the backend again."""
        choose.forget_missing()


class RemovalJob(QueryJob):
    """The removal of all that the backend has on the disk."""

    kind = "removal"
    title = "removal"

    def __init__(self, found: list[removal.Item]) -> None:
        places = preferences.places()
        self._items = found
        super().__init__(lambda: removal.remove(places, found))

    def progress_line(self) -> str:
        """Return what it is doing."""
        return "Removing the backend"

    def receive(self, answer: Any) -> None:
        """Tell what was removed."""
        self.end(DONE, removal.outcome(self._items, answer))

    def ended(self) -> None:
        """Look for the backend again."""
        choose.forget_missing()


def plan(prefs: Any, *, networks: bool = False) -> setup_run.SetupPlan:
    """Return what a set-up would do, from the preferences.

    Parameters
    ----------
    prefs : preferences
    networks : bool
        Add the networks; the default environment is made anew only where it is not ready.

    Raises
    ------
    BadInput, MissingHere
        No wheels to install from, Blender is offline, or the machine cannot have it.
    """
    places = preferences.places()
    complaint = machine.complaint(machine.this_machine(), places.data)
    if complaint:
        raise bridge.errors.MissingHere(complaint)
    folder = preferences.wheel_folder(prefs)
    if folder is not None and not folder.is_dir():
        raise bridge.errors.BadInput(f'The folder of wheels "{folder}" is not there')
    brought = packed.find(choose.addon_folder())
    if folder is None and not packed.bundle_of(brought) and not bpy.app.online_access:
        raise bridge.errors.MissingHere(
            "Blender is set to stay offline: allow online access in Preferences > System, name a "
            "folder of wheels, or use an environment that exists"
        )
    ready = choose.own_state().state == environment.READY
    return setup_run.SetupPlan(
        places=places,
        brought=brought,
        named_python=preferences.own_path(prefs.base_python),
        wheel_folder=folder,
        online=bpy.app.online_access,
        networks=_networks_to_add(prefs, networks, brought),
        default=not (networks and ready),
    )


def _networks_to_add(
    prefs: Any, asked: bool, brought: packed.Packed
) -> torch_build.TorchBuild | None:
    """Return the networks' build if they are asked for, or those that are here would not fit."""
    before = choose.own_state().networks
    lost = before is not None and (
        before.requirements != packed.extra_requirements(brought.backend, setup_run.NETWORKS_EXTRA)
        or (not prefs.base_python and before.python != packed.this_python())
    )
    return torch_build.choose(prefs.torch_build) if asked or lost else None


def start(what: setup_run.SetupPlan) -> SetupJob:
    """Begin a set-up.

    Raises
    ------
    BadInput
        One is under way, or the disk is too full.
    """
    global _problem
    if background_jobs.running("setup") or background_jobs.running("removal"):
        raise bridge.errors.BadInput("The set-up, or the removal, is under way")
    run = setup_run.SetupRun(what)
    run.start()
    _problem = ""
    job = SetupJob(run)
    background_jobs.start(job)
    return job


def refuse(operator: Any, error: Exception) -> set[str]:
    """Tell why a set-up cannot begin: in the preferences, in full; a popup would be cut off."""
    global _problem
    _problem = background_jobs.os_error_line(error) if isinstance(error, OSError) else str(error)
    if bpy.app.background:
        operator.report({"ERROR"}, _problem)
    else:
        operator.report({"INFO"}, "The set-up cannot begin: see the preferences of Heat")
    return {"CANCELLED"}


def outcome(operator: Any, job: background_jobs.Job) -> set[str]:
    """Return an operator's result for the job it started; background Blender waits for its end."""
    if bpy.app.background:
        return background_jobs.report_outcome(operator, job)
    return {"FINISHED"}  # its end is told in the preferences


def removable() -> list[removal.Item]:
    """Return what the backend has on the disk."""
    return removal.items(preferences.places(), preferences.motion_folder())


def start_removal(found: list[removal.Item]) -> RemovalJob:
    """Begin the removal; a running backend is ended first.

    Raises
    ------
    BadInput
        A set-up is under way.
    """
    global _problem
    if background_jobs.running("setup") or background_jobs.running("removal"):
        raise bridge.errors.BadInput("The set-up, or the removal, is under way")
    _problem = ""
    owner().stop()
    job = RemovalJob(found)
    background_jobs.start(job)
    return job


def size_lines(what: setup_run.SetupPlan) -> list[str]:
    """Return what a set-up would download, in sentences."""
    if what.wheel_folder is not None:
        disk = setup_run.needed(what).disk
        return [
            f"Installs from the folder {what.wheel_folder}; nothing is downloaded",
            f"Takes about {disk:.0f} MB on disk",
        ]
    rows = packed.size_lines(what.brought) if what.default else []
    carried = packed.bundle_of(what.brought).strip(" .")
    if carried and what.default:
        rows.append(f"{carried}: there nothing of this is downloaded")
    if what.networks is not None:
        rows.append(torch_build.size_sentence(what.networks))
        if what.networks.name == torch_build.CUDA:
            rows.append("The larger build, for NVIDIA cards, is taken")
    return rows


def lines(prefs: Any) -> list[tuple[str, str]]:
    """Return (icon, sentence) pairs about the environment for the preferences."""
    for kind in ("removal", "setup"):
        if background_jobs.running(kind):
            return [("IMPORT", background_jobs.find(kind).line())]
    rows = [("ERROR", text) for text in problems()]
    found = choose.own_state()
    if found.state == environment.ABSENT:
        rows.append(("INFO", "The backend is not set up yet."))
    elif found.state == environment.UNFINISHED:
        rows.append(("INFO", "The set-up was not finished: run it again, it goes on from there."))
    elif found.state == environment.STALE:
        rows.append(("INFO", f"{found.reason}: renew it."))
    else:
        with_networks = ""
        if found.networks is not None:
            with_networks = f", with PyTorch ({found.networks.torch_build} build)"
        version = found.mark.python if found.mark is not None else ""
        rows.append(("CHECKMARK", f"The backend is set up for Python {version}{with_networks}."))
    if found.state != environment.READY:
        with contextlib.suppress(bridge.errors.HeatError):
            rows += [("BLANK1", f"{line}.") for line in size_lines(plan(prefs))]
    if os.environ.get(preferences.WHEELS_VARIABLE):
        folder = os.environ[preferences.WHEELS_VARIABLE]
        rows.append(("INFO", f"Wheels from {preferences.WHEELS_VARIABLE}: {folder}"))
    return rows


def problems() -> list[str]:
    """Return why the last set-up or removal did not end well, or could not begin."""
    if _problem:
        return [_problem]
    ended = (background_jobs.find(kind) for kind in ("setup", "removal"))
    return [job.message for job in ended if job is not None and job.finished and job.state != DONE]
