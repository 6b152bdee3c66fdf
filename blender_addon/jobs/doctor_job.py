# SPDX-License-Identifier: GPL-3.0-or-later
"""What works on this machine and what mends the rest: the add-on's own checks and `heat doctor`'s.

The add-on's own need no backend. All run in a thread: a security program may let a connection hang.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import bpy

from .. import bridge
from ..backend import choose
from ..backend.command import ask
from ..backend.owner import LocalBackend, owner
from ..core.setup import environment, machine, packed, setup_lock
from ..data import preferences
from . import background_jobs
from .background_jobs import QueryJob

Check = bridge.checks.Check
ALLOW_ONLINE = "allow_online"
"""Remedy of the add-on's own: Blender's preference about going online."""
_MISSING_STATUS = 4  # of `heat doctor` when it found something missing


@dataclass(frozen=True)
class Situation:
    """What the checks in the thread go by, read in Blender's main thread.

    Attributes
    ----------
    kind : str
        The preference: "OWN", "EXISTING" or "REMOTE".
    data : Path
        The add-on's data folder.
    needed_gb : float
        Free disk that it should have.
    downloads : bool
        Whether packages come from the network.
    online : bool
        Whether Blender may use the network.
    missing : str or None
        Why there is no backend.
    failed : str
        Why the running backend failed, or "".
    stale : str
        Why Heat's own environment should be made anew though it may run, or "".
    refused : str
        Why this machine cannot have a backend, or "".
    setup_lock : Path or None
        Held by a Blender that sets up; None while this one does.
    """

    kind: str
    data: Path
    needed_gb: float
    downloads: bool
    online: bool
    missing: str | None
    failed: str = ""
    stale: str = ""
    refused: str = ""
    setup_lock: Path | None = None


class DoctorJob(QueryJob):
    """A look at everything.

    Attributes
    ----------
    checks : tuple of Check
        What was found; until then what the look before found.
    whole : bool
        Whether the backend was asked, too, where there is one.
    of : tuple
        What was chosen, and whether it was there, when it began.
    """

    kind = "doctor"
    title = "check of this machine"

    def __init__(self, whole: bool) -> None:
        before = background_jobs.find("doctor")
        self.checks: tuple[Check, ...] = () if before is None else before.checks
        self.whole = whole
        self.of = _chosen()
        situation = _situation()
        backend = choose.command() if whole and not situation.missing and _is_local() else None
        variables = choose.whole_environment(backend) if backend else {}
        asked = partial(_ask, backend, variables) if backend else None
        super().__init__(lambda: all_checks(situation, asked))

    def receive(self, answer: tuple[Check, ...]) -> None:
        """Keep what was found."""
        self.checks = answer

    def progress_line(self) -> str:
        """Say what it is doing."""
        return "Checking the backend" if self.whole else "Checking this machine"


def start(whole: bool = True) -> DoctorJob:
    """Look again, unless that is under way."""
    if background_jobs.running("doctor"):
        return background_jobs.find("doctor")
    job = DoctorJob(whole)
    background_jobs.start(job)
    return job


def known() -> DoctorJob:
    """Return the last look; never waits.

    One at this machine alone begins here, the first time and when the backend has come or gone.
    """
    job = background_jobs.find("doctor")
    if job is None or (job.finished and job.of != _chosen()):
        job = start(whole=False)
    job.step()  # background Blender has no timer that does
    return job


def all_checks(
    situation: Situation, asked: Callable[[], bridge.checks.Report] | None
) -> tuple[Check, ...]:
    """Return the add-on's own checks, then those of the backend.

    Parameters
    ----------
    situation : Situation
        What the add-on's own checks go by.
    asked : callable or None
        Asks the backend; HeatError where it does not answer. None: there is nothing to ask.
    """
    found = own_checks(situation)
    if asked is None:
        return tuple(found)
    try:
        report = asked()
    except bridge.errors.HeatError as error:
        text = "see its log; if it does not help, set the backend up again"
        row = Check("backend", bridge.checks.MISSING, str(error), text, bridge.checks.SET_UP)
        return (*found, _for_kind(row, situation.kind))
    found.append(_for_kind(check_versions(addon_version(), report.version), situation.kind))
    names = {check.name for check in found}
    theirs = (check for check in report.checks if check.name not in names)
    return (*found, *(_for_kind(check, situation.kind) for check in theirs))


def own_checks(situation: Situation) -> list[Check]:
    """Return the checks that need no backend: of this machine, and whether there is a backend."""
    rows: list[Check] = []
    if situation.kind == "OWN":
        rows += [bridge.machine_checks.check_python(), *check_set_up(situation)]
        if situation.downloads:
            rows += [bridge.machine_checks.check_certificates(), check_online(situation.online)]
    rows.append(bridge.machine_checks.check_loopback())
    checked = bridge.machine_checks.check_folder
    rows.append(checked("add-on's data folder", situation.data, situation.needed_gb))
    rows.append(check_backend(situation))
    return rows


def check_set_up(situation: Situation) -> Iterator[Check]:
    """Yield what stands against setting up here, and whether what is set up still fits."""
    if situation.refused:
        yield Check("machine", bridge.checks.MISSING, situation.refused)
    if situation.setup_lock is not None and situation.setup_lock.is_file():
        try:
            setup_lock.claim(situation.setup_lock).release()
        except bridge.errors.BadInput as error:
            again = bridge.checks.CHECK_AGAIN
            yield Check("set-up", bridge.checks.WARNING, str(error), "", again)
        except OSError as error:
            place = str(situation.setup_lock.parent)
            detail, mend = background_jobs.os_error_line(error), "make it writable for your user"
            open_it = bridge.checks.OPEN_FOLDER
            yield Check("set-up", bridge.checks.MISSING, detail, mend, open_it, place)
    if situation.stale:
        mend = "set the backend up again: what still fits is kept"
        yield Check(
            "environment", bridge.checks.WARNING, situation.stale, mend, bridge.checks.SET_UP
        )


def check_online(online: bool) -> Check:
    """Return whether Blender may download."""
    name = "online access"
    if online:
        return Check(name, bridge.checks.OK, "Blender may use the network")
    detail = "Blender is set to stay offline: packages cannot be downloaded"
    mend = "allow it in Preferences > System > Network, or install from a folder of wheels"
    return Check(name, bridge.checks.OPTIONAL, detail, mend, ALLOW_ONLINE)


def check_backend(situation: Situation) -> Check:
    """Return whether there is a backend, and whether it runs when it should."""
    if situation.missing:
        remedy = bridge.checks.SET_UP if situation.kind == "OWN" else ""
        detail = situation.missing.removesuffix(": see the preferences")  # where it is shown
        return Check("backend", bridge.checks.MISSING, detail, "", remedy)
    if situation.failed:
        mend, remedy = "see its log, then restart it", bridge.checks.RESTART_BACKEND
        return Check("backend process", bridge.checks.MISSING, situation.failed, mend, remedy)
    return Check("backend", bridge.checks.OK, "found")


def check_versions(own: str, theirs: str) -> Check:
    """Return whether add-on and backend are of one version; `theirs` is "" for an older one."""
    name = "versions"
    if own == theirs:
        return Check(name, bridge.checks.OK, f"add-on and backend are {own}")
    detail = f"the add-on is {own}, the backend {theirs or 'older'}"
    mend = f"install heat {own} in the backend's environment"
    return Check(name, bridge.checks.WARNING, detail, mend, bridge.checks.SET_UP)


@cache
def addon_version() -> str:
    """Return the version that the add-on's manifest names."""
    text = (choose.addon_folder() / "blender_manifest.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["version"])


def _for_kind(check: Check, kind: str) -> Check:
    """Leave no button on a line that would mend another environment than the one in use."""
    if kind != "OWN" and check.remedy in {bridge.checks.SET_UP, bridge.checks.ADD_NETWORKS}:
        return replace(check, remedy="")
    return check


def _ask(backend: LocalBackend, variables: dict[str, str]) -> bridge.checks.Report:
    arguments = ("doctor", "--json")
    read, accepted = bridge.checks.read_report, (0, _MISSING_STATUS)
    return ask(backend.command, variables, arguments, read, accepted)


def _chosen() -> tuple[object, ...]:
    prefs = preferences.current()
    busy = background_jobs.running("setup") or background_jobs.running("removal")
    return prefs.backend, preferences.named_python(prefs), choose.missing(), busy


def _situation() -> Situation:
    prefs = preferences.current()
    choose.forget_missing()
    status = owner().status
    places = preferences.places()
    found = choose.own_state()
    running = background_jobs.running("setup") or background_jobs.running("removal")
    return Situation(
        kind="EXISTING" if preferences.named_python(prefs) else prefs.backend,
        data=places.data,
        needed_gb=_needed_gb(found.state),
        downloads=preferences.wheel_folder(prefs) is None,
        online=bpy.app.online_access,
        missing=choose.missing(),
        failed=status.message if status.state == "failed" else "",
        stale=found.reason if found.state == environment.STALE else "",
        refused=machine.complaint(machine.this_machine(), places.data) or "",
        setup_lock=None if running else places.lock,
    )


def _needed_gb(state: str) -> float:
    """Return how much of the disk should be free: more where a set-up is still to come."""
    least = bridge.machine_checks.LEAST_FREE_GB
    if state == environment.READY:
        return least
    try:
        brought = packed.find(choose.addon_folder())
    except bridge.errors.MissingHere:
        return least  # a checkout, which brings nothing to install
    size = packed.default_size(brought)
    return max(least, (size.download + size.disk) / 1000)


def _is_local() -> bool:
    """Return whether the chosen backend has commands that can be run here."""
    try:
        choose.command()
    except bridge.errors.HeatError:
        return False
    return True
