# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend that the preferences choose, what is missing for it, and its state in a line."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import __path__ as addon_path
from .. import bridge, is_packed
from ..core.setup import environment, interpreter, packed
from ..data import preferences
from .owner import BackendOwner, Choice, LocalBackend, RemoteBackend, owner

_SERVE = "serve"
# Whether an environment is whole is read from the disk, and panels draw often.
_MISSING_SECONDS = 1.0
_missing: tuple[float, str | None] = (-math.inf, None)
"""When the backend was last looked for, and why there was none."""


@dataclass(frozen=True)
class StatusLine:
    """A line and its icon; `warning` when the user has to do something.

    `remedy` is what helps then: "setup" (the preferences), "renew" or "restart".
    """

    text: str
    icon: str
    warning: bool = False
    remedy: str = ""


def choice() -> Choice:
    """Return which backend the preferences ask for.

    Raises
    ------
    MissingHere
        It is not set up; the message says what to do.
    """
    prefs = preferences.current()
    if prefs.backend == "REMOTE" and not os.environ.get(preferences.PYTHON_VARIABLE):
        if not prefs.host or not prefs.secret:
            raise bridge.errors.MissingHere(
                "Enter the other machine's address and secret in the preferences"
            )
        return RemoteBackend(prefs.host, prefs.port, prefs.secret)
    python = preferences.named_python(prefs)
    if not python and prefs.backend == "EXISTING":
        raise bridge.errors.MissingHere("Name the environment's Python in the preferences")
    if python:
        if not Path(python).is_file():
            raise bridge.errors.MissingHere(
                f'The backend\'s Python "{python}" is not there: see the preferences'
            )
        return _local((python, "-m", "heat_backend"), {})
    own = _own_environment()
    return _local(own.command, own.environment)


def ready() -> BackendOwner:
    """Return the backend's owner, set to the chosen backend. Call in Blender's main thread.

    Raises
    ------
    MissingHere
        As `choice`.
    """
    backend_owner = owner()
    backend_owner.use(choice())
    return backend_owner


_WEIGHTS_ELSEWHERE = "The weights are the other machine's: run `heat weights fetch` there"


def command(elsewhere: str = _WEIGHTS_ELSEWHERE) -> LocalBackend:
    """Return the backend's program on this machine without a command, such as for its weights.

    Parameters
    ----------
    elsewhere : str
        Error message where the backend runs on another machine.

    Raises
    ------
    MissingHere
        As `choice`, or the backend is another machine's.
    """
    chosen = choice()
    if isinstance(chosen, RemoteBackend):
        raise bridge.errors.MissingHere(elsewhere)
    if _SERVE not in chosen.command:
        raise bridge.errors.MissingHere(
            "This backend has no commands, only a server: see the preferences"
        )
    program = chosen.command[: chosen.command.index(_SERVE)]
    return LocalBackend(program, chosen.environment, chosen.log_path)


def whole_environment(backend: LocalBackend) -> dict[str, str]:
    """Return all variables for a process of the backend's program."""
    return {**interpreter.child_environment(os.environ), **backend.environment}


def status_line() -> StatusLine:
    """Return the backend's state now, for panels and preferences."""
    reason = missing()
    if reason is not None:
        stale = preferences.uses_own() and own_state().state == environment.STALE
        return StatusLine(reason, "ERROR", True, "renew" if stale else "setup")
    status = owner().status
    if status.state == "failed":
        return StatusLine(status.message, "ERROR", True, "restart")
    if status.state == "starting":
        return StatusLine("The backend is starting", "SORTTIME")
    if status.state == "running":
        return StatusLine("The backend is running", "CHECKMARK")
    if status.state == "remote":
        return StatusLine("Another machine's backend is used", "URL")
    return StatusLine("The backend starts when it is needed", "CHECKMARK")


def missing() -> str | None:
    """Return why there is no backend, in a line, or None; looked up at most once a second."""
    global _missing
    now = time.monotonic()
    if now - _missing[0] > _MISSING_SECONDS:
        try:
            choice()
            _missing = (now, None)
        except bridge.errors.HeatError as error:
            _missing = (now, str(error))
    return _missing[1]


def forget_missing() -> None:
    """Look again at the next call of `missing`: a set-up ended, preferences changed."""
    global _missing
    _missing = (-math.inf, None)


def addon_folder() -> Path:
    """Return the folder of the add-on's own files."""
    return Path(addon_path[0])


def own_state() -> environment.Found:
    """Return the state of Heat's own environment."""
    try:
        brought = packed.find(addon_folder())
    except bridge.errors.MissingHere:
        brought = None  # a checkout
    return environment.look(preferences.places(), brought)


def _own_environment() -> environment.Environment:
    found = own_state()
    runnable = found.runnable()
    if runnable is not None:
        return runnable
    if found.state == environment.ABSENT:
        raise bridge.errors.MissingHere("The backend is not set up yet: see the preferences")
    if found.state == environment.UNFINISHED:
        raise bridge.errors.MissingHere(
            "The backend's set-up was not finished: run it again in the preferences"
        )
    raise bridge.errors.MissingHere(f"{found.reason}: renew it with one click in the preferences")


def _local(program: tuple[str, ...], variables: Mapping[str, str]) -> LocalBackend:
    # Blender's own settings for Python must not reach another one; empty counts as unset.
    variables = {**variables, "PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1", "PYTHONHOME": ""}
    variables["PYTHONSAFEPATH"] = "1"  # nor a package in the folder Blender was started from
    folder = preferences.weights_folder(preferences.current())
    if folder:
        variables[preferences.WEIGHTS_VARIABLE] = folder
    if not is_packed():
        variables["PYTHONPATH"] = str(addon_folder().parent)
    return LocalBackend((*program, _SERVE), variables, preferences.backend_log())
