# SPDX-License-Identifier: GPL-3.0-or-later
"""One command of the backend's program: run in a thread, followed line by line. No bpy here."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .. import bridge

RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"
_STOPPED = 130


@dataclass(frozen=True)
class CommandStatus:
    """A moment of a run: state, 0..1 of the work in hand, and a line for the user."""

    state: str
    fraction: float
    text: str


@dataclass(frozen=True)
class Words:
    """Status lines of the end: when it went well, and when it was stopped."""

    done: str
    stopped: str


Advance = Callable[[CommandStatus, str], CommandStatus]


class CommandRun:
    """A run under way. Read `status` at any time from any thread.

    Parameters
    ----------
    command : tuple of str
        The whole command; it prints JSON lines of progress.
    environment : mapping
        All variables of the process.
    words : Words
        Status lines of the end.
    advanced : callable
        Returns the status after one more line of the command's output; called in the thread.
    """

    def __init__(
        self,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        words: Words,
        advanced: Advance,
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._words = words
        self._advanced = advanced
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = threading.Event()
        self._status = CommandStatus(RUNNING, 0.0, "Starting")
        self._thread = threading.Thread(target=self._run, name="heat-command", daemon=True)
        self._thread.start()

    @property
    def status(self) -> CommandStatus:
        """The state of this moment."""
        return self._status

    def cancel(self) -> None:
        """Stop; what is finished is kept by the command, so that the next run goes on there."""
        self._cancelled.set()
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.terminate()

    def wait(self, seconds: float | None = None) -> CommandStatus:
        """Wait for the end, or for some seconds."""
        self._thread.join(seconds)
        return self._status

    def _run(self) -> None:
        try:
            code, errors = self._follow()
        except OSError as error:
            self._status = CommandStatus(FAILED, 0.0, f"The backend does not run: {error}")
            return
        fraction = self._status.fraction
        if code == 0:
            self._status = CommandStatus(DONE, 1.0, self._words.done)
        elif self._cancelled.is_set() or code == _STOPPED:
            self._status = CommandStatus(CANCELLED, fraction, self._words.stopped)
        else:
            self._status = CommandStatus(FAILED, fraction, failure_line(errors))

    def _follow(self) -> tuple[int, str]:
        """Run the command; return its exit status and its standard error."""
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        with subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=self._environment,
            creationflags=flags,
        ) as process:
            self._process = process
            if self._cancelled.is_set():
                self.cancel()
            assert process.stdout is not None and process.stderr is not None
            errors: list[str] = []
            # Both pipes must be emptied: the command blocks once one of them is full.
            listener = threading.Thread(target=errors.extend, args=(process.stderr,), daemon=True)
            listener.start()
            for line in process.stdout:
                self._status = self._advanced(self._status, line)
            code = process.wait()
            listener.join()
        return code, "".join(errors)


def failure_line(errors: str) -> str:
    """Return the backend's own line of a failure, as a sentence."""
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    text = lines[-1].removeprefix("error: ") if lines else "the backend does not answer"
    return text[:1].upper() + text[1:]


_SECONDS = 60.0
Answer = TypeVar("Answer")


def ask(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    arguments: tuple[str, ...],
    read: Callable[[Any], Answer],
    accepted: tuple[int, ...] = (0,),
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
    accepted : tuple of int
        Exit statuses with an answer.

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
    if done.returncode not in accepted:
        raise bridge.errors.MissingHere(failure_line(done.stderr))
    try:
        return read(json.loads(done.stdout.strip().splitlines()[-1]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        text = "The backend is of another version than the add-on: set it up again"
        raise bridge.errors.MissingHere(text) from error
