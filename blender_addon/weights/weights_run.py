# SPDX-License-Identifier: GPL-3.0-or-later
"""One fetch or check of the weights: the backend's command in a thread, and how far it is.

No bpy here.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .weights_report import failure_line

RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"
_STOPPED = 130


@dataclass(frozen=True)
class WeightsStatus:
    """A moment of a run: state, 0..1 of the file in hand, and a line for the user."""

    state: str
    fraction: float
    text: str


class WeightsRun:
    """A run under way. Read `status` at any time from any thread.

    Parameters
    ----------
    command : tuple of str
        The whole command; it prints JSON lines of progress.
    environment : mapping
        All variables of the process.
    finished : str
        What to say when it went well.
    """

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], finished: str
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._finished = finished
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = threading.Event()
        self._status = WeightsStatus(RUNNING, 0.0, "Starting")
        self._thread = threading.Thread(target=self._run, name="heat-weights", daemon=True)
        self._thread.start()

    @property
    def status(self) -> WeightsStatus:
        """The state of this moment."""
        return self._status

    def cancel(self) -> None:
        """Stop; what was fetched is kept, and the next fetch goes on there."""
        self._cancelled.set()
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.terminate()

    def wait(self, seconds: float | None = None) -> WeightsStatus:
        """Wait for the end, or for some seconds."""
        self._thread.join(seconds)
        return self._status

    def _run(self) -> None:
        try:
            code, errors = self._follow()
        except OSError as error:
            self._status = WeightsStatus(FAILED, 0.0, f"The backend does not run: {error}")
            return
        fraction = self._status.fraction
        if code == 0:
            self._status = WeightsStatus(DONE, 1.0, self._finished)
        elif self._cancelled.is_set() or code == _STOPPED:
            text = "Stopped; what was fetched is kept, the next fetch goes on there"
            self._status = WeightsStatus(CANCELLED, fraction, text)
        else:
            self._status = WeightsStatus(FAILED, fraction, failure_line(errors))

    def _follow(self) -> tuple[int, str]:
        """Run the command; return its exit status and what it said of errors."""
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
            # Both pipes must be emptied, or the command waits for whoever reads the full one.
            listener = threading.Thread(target=errors.extend, args=(process.stderr,), daemon=True)
            listener.start()
            for line in process.stdout:
                self._status = advanced(self._status, line)
            code = process.wait()
            listener.join()
        return code, "".join(errors)


def advanced(before: WeightsStatus, line: str) -> WeightsStatus:
    """Return the status after one more line of the command."""
    try:
        told: Any = json.loads(line)
        if told["step"] != "file":
            return before
        done, total, what = int(told["done"]), int(told["total"]), str(told["what"])
    except (ValueError, KeyError, TypeError):
        return before
    size = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total >= 0 else f"{done / 1e6:,.0f} MB"
    fraction = min(1.0, done / total) if total > 0 else 0.0
    return WeightsStatus(RUNNING, fraction, f"{what[:1].upper()}{what[1:]}: {size}")
