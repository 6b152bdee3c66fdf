# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the preferences into the backend to use, or into what is missing."""

from __future__ import annotations

import os
from pathlib import Path

from .. import __path__ as addon_path
from .. import bridge, is_packed
from ..core.setup import environment, interpreter
from ..data import preferences
from .owner import BackendOwner, Choice, LocalBackend, RemoteBackend, owner

_SERVE = "serve"


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
        return _local(Path(python), {})
    # Heat's own environment needs nothing from elsewhere.
    return _local(_own_python(), {"PYTHONPATH": ""})


def ready() -> BackendOwner:
    """Return the owner, told which backend to use. Call in Blender's main thread.

    Raises
    ------
    MissingHere
        As `choice`.
    """
    kept = owner()
    kept.use(choice())
    return kept


_WEIGHTS_ELSEWHERE = "The weights are the other machine's: run `heat weights fetch` there"


def command(elsewhere: str = _WEIGHTS_ELSEWHERE) -> LocalBackend:
    """Return the backend's program on this machine without a command, such as for its weights.

    Parameters
    ----------
    elsewhere : str
        What to say where the backend is another machine's.

    Raises
    ------
    MissingHere
        As `choice`, or the backend is another machine's.
    """
    found = choice()
    if isinstance(found, RemoteBackend):
        raise bridge.errors.MissingHere(elsewhere)
    if _SERVE not in found.command:
        raise bridge.errors.MissingHere(
            "This backend has no commands, only a server: see the preferences"
        )
    program = found.command[: found.command.index(_SERVE)]
    return LocalBackend(program, found.environment, found.log_path)


def whole_environment(backend: LocalBackend) -> dict[str, str]:
    """Return all variables for a process of the backend's program."""
    return {**interpreter.child_environment(os.environ), **backend.environment}


def missing() -> str | None:
    """Return why there is no backend, in a line, or None when one is set up."""
    try:
        choice()
    except bridge.errors.HeatError as error:
        return str(error)
    return None


def addon_folder() -> Path:
    """Return the folder of the add-on's own files."""
    return Path(addon_path[0])


def _own_python() -> Path:
    folder = preferences.environment()
    state = environment.state_of(folder, None)
    if state == environment.ABSENT:
        raise bridge.errors.MissingHere("The backend is not set up yet: see the preferences")
    if state == environment.UNFINISHED:
        raise bridge.errors.MissingHere(
            "The backend's set-up was not finished: run it again in the preferences"
        )
    return environment.python_in(folder)


def _local(python: Path, variables: dict[str, str]) -> LocalBackend:
    if not python.is_file():
        raise bridge.errors.MissingHere(
            f'The backend\'s Python "{python}" is not there: see the preferences'
        )
    # Blender's own settings for Python must not reach another one; empty counts as unset.
    variables |= {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1", "PYTHONHOME": ""}
    variables["PYTHONSAFEPATH"] = "1"  # nor a package in the folder Blender was started from
    folder = preferences.weights_folder(preferences.current())
    if folder:
        variables[preferences.WEIGHTS_VARIABLE] = folder
    if not is_packed():
        variables["PYTHONPATH"] = str(addon_folder().parent)
    return LocalBackend(
        (str(python), "-m", "heat_backend", _SERVE), variables, preferences.backend_log()
    )
