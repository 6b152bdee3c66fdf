# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the wheels of a lock, several at a time, one run of pip each. No bpy here.

pip checks each against the lock; one that has arrived is kept, so that an aborted set-up goes on
where it stopped and a package that cannot be had is named.
"""

from __future__ import annotations

import secrets
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ... import bridge
from . import packed, pip_output, pip_program, wheel_store
from .packed import Pin
from .patience import remove_tree

_UNKNOWN_MB = 1.0
# What pip says, asked for details, about each of an index's files. Why a page could not be
# fetched is told among details only.
_CHATTER = ("Skipping link", "Found link", "Created ", "Removed build", "Fetching", "Initialized")
_AT_ONCE = 4  # connections to an index; more bring no more on a line of 100 Mbit/s


@dataclass(frozen=True)
class Line:
    """A line of the log, or progress: 0..1 of all bytes, and what it is doing."""

    fraction: float
    text: str


class Downloads:
    """The wheels of some packages on their way.

    Parameters
    ----------
    pip : tuple of str
        Command that runs pip, without arguments.
    variables : mapping
        All variables of its process.
    work : Path
        Folder for what is passing.
    store : Path
        Where wheels go that have arrived.
    sizes : mapping
        Megabytes of a wheel by its package's name, for the progress.
    log : callable
        Takes a line of the log; called in threads.
    """

    def __init__(
        self,
        pip: tuple[str, ...],
        variables: Mapping[str, str],
        work: Path,
        store: Path,
        sizes: Mapping[str, float],
        log: Callable[[str], None],
    ) -> None:
        self._pip, self._variables = pip, variables
        self._work, self._store, self._log = work, store, log
        self._sizes = dict(sizes)
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._bytes: dict[Pin, float] = {}
        self._under_way: list[Pin] = []
        self._total, self._number, self._arrived = 1.0, 0, 0

    def cancel(self) -> None:
        """Stop all."""
        self._cancelled.set()
        self._end_all()

    def fetch(self, pins: Sequence[Pin], report: Callable[[Line], None]) -> None:
        """Bring them all.

        Raises
        ------
        MissingHere
            Some could not be had; the message names the first and says what to do.
        Cancelled
            `cancel` was called.
        """
        self._total = sum(self._size(pin) for pin in pins) or 1.0
        self._number, self._arrived = len(pins), 0
        largest_first = sorted(pins, key=lambda pin: -self._size(pin))
        failures: list[tuple[Pin, str]] = []

        def bring(pin: Pin) -> None:
            if self._stop.is_set() or self._cancelled.is_set():
                return
            with self._lock:
                self._under_way.append(pin)
            report(self._line())
            tail = self._bring(pin, report)
            with self._lock:
                self._under_way.remove(pin)
                if tail is None:
                    self._arrived += 1
                    self._bytes[pin] = self._size(pin)
                else:
                    failures.append((pin, tail))
                    if pip_output.is_of_the_network(tail):
                        self._stop.set()  # the others would wait for the same in vain
            report(self._line())

        with ThreadPoolExecutor(_AT_ONCE, "heat-download") as pool:
            for future in [pool.submit(bring, pin) for pin in largest_first]:
                future.result()
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")
        if failures:
            pin, tail = failures[0]
            more = [str(other) for other, _ in failures[1:]]
            also = f" (nor could {', '.join(more)})" if more and not self._stop.is_set() else ""
            raise bridge.errors.MissingHere(pip_output.explain(tail, str(pin)) + also)

    def _size(self, pin: Pin) -> float:
        return self._sizes.get(packed.normal_name(pin.name), _UNKNOWN_MB)

    def _line(self) -> Line:
        done = sum(self._bytes.values())
        names = ", ".join(
            f"{pin.name} ({self._size(pin):.0f} MB)" if self._size(pin) > _UNKNOWN_MB else pin.name
            for pin in self._under_way[:2]
        )
        text = f"{self._arrived} of {self._number} packages, {done:.0f} of {self._total:.0f} MB"
        return Line(min(1.0, done / self._total), f"Downloading {names}: {text}" if names else text)

    def _bring(self, pin: Pin, report: Callable[[Line], None]) -> str | None:
        """Bring one; return the end of pip's output where it failed."""
        passing = self._work / f"passing-{secrets.token_hex(4)}"
        try:
            passing.mkdir(parents=True)
            wanted = passing / "wanted.txt"
            wanted.write_text(pin.requirement + "\n", encoding="utf-8")
            hashes = ("--require-hashes",) if pin.hashes else ()
            line = (
                *self._pip, "download", "-vv", "--no-deps", "--only-binary", ":all:", *hashes,
                "--no-cache-dir", "--progress-bar", "raw", "-d", str(passing), "-r", str(wanted),
            )  # fmt: skip
            tail = self._run(line, pin, report)
            if tail is not None:
                return tail
            wheels = list(passing.glob("*.whl"))
            if len(wheels) != 1 or not wheel_store.is_whole(wheels[0], pin):
                return "hash-mismatch"
            wheel_store.keep(wheels[0], self._store)
            return None
        finally:
            remove_tree(passing)

    def _run(self, line: tuple[str, ...], pin: Pin, report: Callable[[Line], None]) -> str | None:
        variables = {**self._variables, **passing_folder(self._work)}
        tail: deque[str] = deque(maxlen=150)
        with pip_program.spawn(line, variables) as process:
            with self._lock:
                self._processes.add(process)
            if self._cancelled.is_set():
                pip_program.end(process)
            assert process.stdout is not None
            for said in process.stdout:
                moved = pip_output.progress(said)
                if moved is not None:
                    with self._lock:
                        if moved[1] > 1e6 * self._size(pin):  # one whose size was not known
                            self._total += moved[1] / 1e6 - self._size(pin)
                            self._sizes[packed.normal_name(pin.name)] = moved[1] / 1e6
                        self._bytes[pin] = moved[0] / 1e6
                    report(self._line())
                    continue
                if said.lstrip().startswith(_CHATTER):
                    continue
                tail.append(said)
                self._log(f"{pin.name}: {said}")
            code = process.wait()
            with self._lock:
                self._processes.discard(process)
        return None if code == 0 else "".join(tail) or "pip ended without a word"

    def _end_all(self) -> None:
        with self._lock:
            for process in list(self._processes):
                pip_program.end(process)


def passing_folder(work: Path) -> dict[str, str]:
    """Return variables that let pip keep passing files on the same disk as their goal."""
    work.mkdir(parents=True, exist_ok=True)
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))
