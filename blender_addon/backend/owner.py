# SPDX-License-Identifier: GPL-3.0-or-later
"""The one backend of this Blender: started when first needed, again when it dies, and ended.

No bpy here: previews and exports get their clients in threads of their own.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .. import bridge
from ..core import engines

# After so many starts within so many seconds one more start would not help either.
MOST_STARTS = 4
STARTS_WITHIN = 120.0
FIRST_PAUSE = 0.25
START_PATIENCE = 90.0


@dataclass(frozen=True)
class LocalBackend:
    """A backend to start on this machine.

    Attributes
    ----------
    command : tuple of str
        Program and arguments.
    environment : mapping
        Set over this process's environment.
    log_path : Path
        What it writes goes here.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    log_path: Path = Path("heat_backend.log")


@dataclass(frozen=True)
class RemoteBackend:
    """A backend that runs already and was not started here."""

    host: str
    port: int
    secret: str = field(repr=False)


Choice = LocalBackend | RemoteBackend


@dataclass(frozen=True)
class OwnerStatus:
    """What the backend does: "idle", "starting", "running", "remote" or "failed", and why."""

    state: str
    message: str = ""


class BackendOwner:
    """The one backend of this Blender, shared by all portraits."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._choice: Choice | None = None
        self._process: bridge.launch.BackendProcess | None = None
        self._starts: list[float] = []
        self._status = OwnerStatus("idle")
        self._closed = False

    @property
    def status(self) -> OwnerStatus:
        """The state of this moment; never waits."""
        status, process = self._status, self._process
        if status.state == "running" and process is not None and not process.alive():
            return OwnerStatus("idle", "The backend stopped; it starts again when needed")
        return status

    @property
    def pid(self) -> int | None:
        """Process number of the backend that was started here, None when there is none."""
        process = self._process
        return process.pid if process is not None and process.alive() else None

    def use(self, choice: Choice) -> None:
        """Say which backend to use; one that was started for another choice is ended."""
        if choice == self._choice:
            return
        with self._lock:
            self._end_process()
            self._choice = choice
            self._starts.clear()
            remote = isinstance(choice, RemoteBackend)
            self._status = OwnerStatus("remote" if remote else "idle")
            self._closed = False

    def client(self) -> bridge.client.Client:
        """Return a client that is not connected yet; may start the backend and wait for it.

        Raises
        ------
        MissingHere
            No backend is set up, or it does not start or keeps on dying.
        """
        address, secret = self.locate()
        client = bridge.client.Client(address, secret, locate=self.locate)
        client.welcomed = engines.learn
        return client

    def locate(self) -> tuple[tuple[str, int], str]:
        """Return address and secret of the backend, starting it where necessary.

        Raises
        ------
        MissingHere
            As `client`.
        """
        with self._lock:
            choice = self._choice
            if choice is None or self._closed:
                raise bridge.errors.MissingHere("No backend is set up: see the preferences of Heat")
            if isinstance(choice, RemoteBackend):
                return (choice.host, choice.port), choice.secret
            process = self._process
            if process is None or not process.alive():
                process = self._start(choice)
            return process.address, process.secret

    def stop(self) -> None:
        """End the backend; the next need starts it again."""
        with self._lock:
            self._end_process()
            self._starts.clear()
            if not isinstance(self._choice, RemoteBackend):
                self._status = OwnerStatus("idle")

    def close(self) -> None:
        """End the backend for good: Blender quits or the add-on goes."""
        with self._lock:
            self._end_process()
            self._closed = True
            self._choice = None

    def _start(self, choice: LocalBackend) -> bridge.launch.BackendProcess:
        now = time.monotonic()
        self._starts = [when for when in self._starts if now - when < STARTS_WITHIN]
        if len(self._starts) >= MOST_STARTS:
            text = "The backend keeps on stopping: open its log, then Restart Backend"
            self._status = OwnerStatus("failed", text)
            raise bridge.errors.MissingHere(text)
        if self._starts:
            time.sleep(FIRST_PAUSE * 2 ** len(self._starts))
        self._starts.append(now)
        self._end_process()
        self._status = OwnerStatus("starting", "The backend is starting")
        try:
            choice.log_path.parent.mkdir(parents=True, exist_ok=True)
            self._process = bridge.launch.BackendProcess.start(
                choice.command, choice.environment, choice.log_path, START_PATIENCE
            )
        except (bridge.errors.HeatError, OSError) as error:
            self._status = OwnerStatus("failed", str(error))
            raise bridge.errors.MissingHere(str(error)) from error
        self._status = OwnerStatus("running")
        return self._process

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()


_owner: BackendOwner | None = None


def owner() -> BackendOwner:
    """Return the owner of this Blender's backend."""
    global _owner
    if _owner is None:
        _owner = BackendOwner()
        atexit.register(_owner.close)
    return _owner


def close() -> None:
    """End the backend if there is one."""
    global _owner
    if _owner is not None:
        atexit.unregister(_owner.close)
        _owner.close()
        _owner = None
