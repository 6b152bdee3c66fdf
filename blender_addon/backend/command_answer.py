# SPDX-License-Identifier: GPL-3.0-or-later
"""A question to the backend's program that it answers with one line of JSON. No bpy here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .. import bridge
from .command_run import failure_line

_SECONDS = 60.0
Answer = TypeVar("Answer")


def ask(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    arguments: tuple[str, ...],
    read: Callable[[Any], Answer],
) -> Answer:
    """Run a command and read its answer.

    Parameters
    ----------
    command : tuple of str
        The backend's program, such as (python, "-m", "heat_backend").
    environment : mapping
        All variables of the process.
    arguments : tuple of str
        The command, such as ("weights", "list", "--json").
    read : callable
        Takes the answer's JSON; ValueError, KeyError or TypeError where it is of another form.

    Raises
    ------
    MissingHere
        It does not answer; the message says why.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            env=dict(environment),
            creationflags=flags,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise bridge.errors.MissingHere(f"The backend does not run: {error}") from error
    if done.returncode != 0:
        raise bridge.errors.MissingHere(failure_line(done.stderr))
    try:
        return read(json.loads(done.stdout.strip().splitlines()[-1]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        text = "The backend is of another version than the add-on: set it up again"
        raise bridge.errors.MissingHere(text) from error
