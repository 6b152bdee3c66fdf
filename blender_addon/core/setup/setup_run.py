# SPDX-License-Identifier: GPL-3.0-or-later
"""One set-up of the backend: its steps, run one after the other in a thread. No bpy here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ... import bridge
from . import environment, pip_output
from .interpreter import Interpreter, child_environment
from .torch_build import TorchBuild

WAITING = "waiting"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"


@dataclass(frozen=True)
class SetupPlan:
    """The choices of one set-up.

    Attributes
    ----------
    folder : Path
        Where the environment goes.
    wheel : Path
        The backend's wheel.
    interpreter : Interpreter
        What to make it from.
    build : TorchBuild
        Which torch.
    wheel_folder : Path or None
        Take every package from this folder instead of the network.
    log_path : Path
        The output of all steps goes here.
    """

    folder: Path
    wheel: Path
    interpreter: Interpreter
    build: TorchBuild
    wheel_folder: Path | None
    log_path: Path


@dataclass(frozen=True)
class SetupStatus:
    """A moment of a set-up: state, 0..1, and a line for the user."""

    state: str
    fraction: float
    text: str


@dataclass(frozen=True)
class Step:
    """One command. `share` is its part of the progress bar; `or_else` is tried if it fails."""

    label: str
    command: tuple[str, ...]
    start: float
    share: float
    expected_mb: float = 0.0
    or_else: tuple[str, ...] = ()


def steps_of(plan: SetupPlan) -> tuple[Step, ...]:
    """Return the commands of a set-up, in order; running them again repairs what is there."""
    python = str(environment.python_in(plan.folder))
    bare: tuple[str, ...] = (python, "-m", "pip", "install", "--no-input")
    steps = [Step("Making the environment", _make_command(plan), 0.0, 0.03)]
    pip = (*bare, "--progress-bar", "raw")
    if plan.wheel_folder is not None:
        pip = (*bare, "--progress-bar", "off", "--no-index", "--find-links", str(plan.wheel_folder))
    else:
        # Only from 24.1 on does pip tell how far a download is; venv may bring an older one.
        steps.append(Step("Updating pip", (*bare, "--upgrade", "pip>=24.1"), 0.03, 0.01))
    torch = torch_requirement(plan.wheel)
    if torch and plan.build.index and plan.wheel_folder is None:
        # The plain index has torch too, only larger: better that than no backend.
        steps.append(
            Step(
                "Installing PyTorch",
                (*pip, torch, "--index-url", plan.build.index),
                0.04,
                0.46,
                plan.build.download_mb / 2,
                (*pip, torch),
            )
        )
    start = steps[-1].start + steps[-1].share
    steps.append(
        Step(
            "Installing the backend",
            (*pip, "--upgrade", "--force-reinstall", "--no-deps", str(plan.wheel)),
            start,
            0.02,
        )
    )
    # Now its requirements: pip leaves alone what an aborted set-up had finished.
    steps.append(
        Step(
            "Installing the backend's packages",
            (*pip, str(plan.wheel)),
            start + 0.02,
            0.95 - start - 0.02,
            plan.build.download_mb,
        )
    )
    steps.append(
        Step("Checking the backend", (python, "-m", "heat_backend", "doctor", "--json"), 0.95, 0.05)
    )
    return tuple(steps)


def torch_requirement(wheel: Path) -> str:
    """Return the wheel's pin of torch, such as "torch==2.13.0", or "" when it has none."""
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        name = next((n for n in archive.namelist() if n.endswith(".dist-info/METADATA")), None)
        text = archive.read(name).decode("utf-8") if name else ""
    for line in text.splitlines():
        if line.startswith("Requires-Dist: torch==") and "extra ==" not in line:
            return line.removeprefix("Requires-Dist: ").split(";")[0].strip()
    return ""


def check_room(plan: SetupPlan) -> None:
    """Raise when the disk is plainly too full.

    Raises
    ------
    BadInput
        With how much is free and how much is needed.
    """
    place = plan.folder
    while not place.exists():
        place = place.parent
    free_mb = shutil.disk_usage(place).free / 1e6
    there = environment.python_in(plan.folder).exists()
    needed_mb = 0 if there or plan.wheel_folder else plan.build.disk_mb
    if free_mb < needed_mb:
        raise bridge.errors.BadInput(
            f"The disk has {free_mb / 1000:.1f} GB left, the backend needs about "
            f"{needed_mb / 1000:.1f} GB: make room, then set up again"
        )


class SetupRun:
    """A set-up under way. Start it once; read `status` at any time from any thread."""

    def __init__(self, plan: SetupPlan) -> None:
        self.plan = plan
        self._status = SetupStatus(WAITING, 0.0, "")
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="heat-setup", daemon=True)

    @property
    def status(self) -> SetupStatus:
        """The state of this moment."""
        return self._status

    def start(self) -> None:
        """Begin.

        Raises
        ------
        BadInput
            The disk is too full, or another Blender is at it.
        """
        check_room(self.plan)
        environment.take_lock(self.plan.folder)
        self._status = SetupStatus(RUNNING, 0.0, "Starting")
        self._thread.start()

    def cancel(self) -> None:
        """Stop as soon as possible; the next set-up goes on from here."""
        self._cancelled.set()
        process = self._process
        if process is not None:
            _end(process)

    def wait(self, seconds: float | None = None) -> SetupStatus:
        """Wait for the end, or for some seconds."""
        self._thread.join(seconds)
        return self._status

    def _run(self) -> None:
        plan = self.plan
        try:
            plan.log_path.parent.mkdir(parents=True, exist_ok=True)
            with plan.log_path.open("w", encoding="utf-8") as log:
                environment.remove_mark(plan.folder)
                for step in steps_of(plan):
                    self._step(step, log)
            mark = environment.Mark(
                plan.wheel.name, environment.digest(plan.wheel), plan.build.name
            )
            environment.write_mark(plan.folder, mark)
            self._status = SetupStatus(DONE, 1.0, "The backend is ready")
        except bridge.errors.Cancelled:
            text = "Set-up cancelled: starting it again goes on from here"
            self._status = SetupStatus(CANCELLED, self._status.fraction, text)
        except (bridge.errors.HeatError, OSError) as error:
            text = pip_output.explain(str(error), "") if isinstance(error, OSError) else str(error)
            self._status = SetupStatus(FAILED, self._status.fraction, text)
        finally:
            with contextlib.suppress(OSError):
                environment.drop_lock(plan.folder)

    def _step(self, step: Step, log: IO[str]) -> None:
        code, tail = self._command(step, step.command, log)
        if code != 0 and step.or_else:
            code, tail = self._command(step, step.or_else, log)
        if code != 0:
            raise bridge.errors.MissingHere(
                doctors_complaint(tail) or pip_output.explain(tail, step.label)
            )

    def _command(self, step: Step, command: tuple[str, ...], log: IO[str]) -> tuple[int, str]:
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        self._status = SetupStatus(RUNNING, step.start, step.label)
        tail: deque[str] = deque(maxlen=200)
        progress = pip_output.PipProgress()
        with _spawn(command) as process:
            self._process = process
            assert process.stdout is not None
            for line in process.stdout:
                if not line.startswith("Progress "):
                    log.write(line)
                    log.flush()
                tail.append(line)
                progress = pip_output.advance(progress, line, step.expected_mb)
                fraction = step.start + step.share * progress.fraction
                self._status = SetupStatus(RUNNING, fraction, progress.text or step.label)
                if self._cancelled.is_set():
                    _end(process)
            code = process.wait()
        self._process = None
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")
        return code, "".join(tail)


def doctors_complaint(output: str) -> str | None:
    """Return what `doctor --json` found missing, in one line, or None if it is no such report."""
    for line in reversed(output.strip().splitlines()):
        try:
            report = json.loads(line)
        except ValueError:
            continue
        checks = report.get("checks", []) if isinstance(report, dict) else []
        for check in checks:
            if isinstance(check, dict) and check.get("state") not in {"ok", "optional"}:
                name, detail = check.get("name", "a part"), check.get("detail", "does not work")
                return f"The backend was installed, but {name}: {detail}"
    return None


def _make_command(plan: SetupPlan) -> tuple[str, ...]:
    python = environment.python_in(plan.folder)
    if plan.interpreter.origin == "uv":
        major, minor = plan.interpreter.version
        again = ("--allow-existing",) if python.exists() else ()
        return (*plan.interpreter.command, "venv", "--seed", "--python", f"{major}.{minor}",
                *again, str(plan.folder))  # fmt: skip
    # Over an environment that is there, venv mends pip and the links and keeps the packages.
    return (*plan.interpreter.command, "-m", "venv", str(plan.folder))


def _spawn(command: tuple[str, ...]) -> subprocess.Popen[str]:
    windows = sys.platform == "win32"
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=child_environment(os.environ),
        creationflags=flags,
        start_new_session=not windows,  # pip's children end with it on Cancel
    )


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGTERM)
