# SPDX-License-Identifier: GPL-3.0-or-later
"""One set-up: its steps, run one after the other in a thread, beside what is there. No bpy here.

An environment is built in a folder of its own from wheels that were checked against the lock,
tried with ``heat doctor``, and only then becomes the current one.
"""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ... import bridge
from . import (
    environment,
    interpreter,
    machine,
    package_source,
    packed,
    pip_output,
    pip_program,
    setup_lock,
    wheel_store,
)
from .downloads import Downloads, Line, passing_folder
from .environment import Found, Mark, NetworksMark
from .interpreter import ISOLATED, Interpreter
from .package_source import PackageSource
from .packed import Packed, Pin
from .patience import remove_tree
from .places import Places
from .torch_build import TorchBuild

WAITING = "waiting"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"

NETWORKS_EXTRA = "networks"


@dataclass(frozen=True)
class SetupPlan:
    """The choices of one set-up.

    Attributes
    ----------
    places : Places
        Where everything goes.
    brought : Packed
        The extension's wheels and lock.
    named_python : str
        Whole path of the Python to use; "" for Blender's own.
    wheel_folder : Path or None
        Take every package from this folder; nothing is downloaded then.
    online : bool
        Whether the network may be used.
    networks : TorchBuild or None
        Add the networks' packages in this build; None leaves them as they are.
    default : bool
        Make the default environment anew even if it is ready; else only where it is not.
    """

    places: Places
    brought: Packed
    named_python: str = ""
    wheel_folder: Path | None = None
    online: bool = True
    networks: TorchBuild | None = None
    default: bool = True


@dataclass(frozen=True)
class SetupStatus:
    """A moment of a set-up: state, 0..1, and a line for the user."""

    state: str
    fraction: float
    text: str


@dataclass(frozen=True)
class Tools:
    """What the first steps find: pip's folder, the Python, the user's settings."""

    pip_folder: Path
    python: Interpreter
    source: PackageSource

    def pip(self, *arguments: str) -> tuple[str, ...]:
        """Return a command of pip."""
        return pip_program.command(self.python.path, self.pip_folder, *arguments)


def tools(plan: SetupPlan) -> Tools:
    """Unpack pip, look at the Python, and read the user's settings of pip.

    Raises
    ------
    BadInput, MissingHere
        What is wrong with them.
    """
    try:
        pip_folder = pip_program.unpack(plan.brought.pip, plan.places.work)
    except OSError as error:
        raise bridge.errors.BadInput(_unwritable(plan.places, error)) from error
    python = interpreter.find(plan.named_python, pip_folder)
    if "zlib" in python.lacks or "ctypes" in python.lacks:
        lacking = " and ".join(sorted(python.lacks & {"zlib", "ctypes"}))
        raise bridge.errors.MissingHere(
            f"This Python ({python.path}) lacks {lacking}, without which no package runs: name "
            "another Python 3.11 to 3.14 in the preferences"
        )
    listing = pip_program.settings(
        python.path, pip_folder, interpreter.child_environment(os.environ)
    )
    return Tools(pip_folder, python, package_source.read(listing))


def needed(plan: SetupPlan) -> packed.Size:
    """Return the megabytes that a set-up downloads at most, and needs on the disk meanwhile."""
    download = disk = 0.0
    if plan.default:
        size = packed.default_size(plan.brought)
        download, disk = size.download, size.disk
    if plan.networks is not None:
        download += plan.networks.download_mb
        disk += plan.networks.disk_mb
    local = plan.wheel_folder is not None
    return packed.Size(0.0 if local else download, disk + (0.0 if local else download))


class SetupRun:
    """A set-up under way. Start it once; read `status` at any time from any thread."""

    def __init__(self, plan: SetupPlan) -> None:
        self.plan = plan
        self._status = SetupStatus(WAITING, 0.0, "")
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._downloads: Downloads | None = None
        self._lock: setup_lock.SetupLock | None = None
        self._log: IO[str] | None = None
        self._began = 0.0
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
            The machine or its disk cannot have it, or another Blender is at it.
        """
        places = self.plan.places
        complaint = machine.complaint(machine.this_machine(), places.data)
        if complaint:
            raise bridge.errors.BadInput(complaint)
        try:
            self._lock = setup_lock.claim(places.lock)
        except OSError as error:
            raise bridge.errors.BadInput(_unwritable(places, error)) from error
        complaint = machine.room_complaint(places.data, needed(self.plan).disk)
        if complaint:
            self._lock.release()
            raise bridge.errors.BadInput(complaint)
        self._status = SetupStatus(RUNNING, 0.0, "Starting")
        self._thread.start()

    def cancel(self) -> None:
        """Stop as soon as possible; the next set-up goes on from here."""
        self._cancelled.set()
        process, downloads = self._process, self._downloads
        if downloads is not None:
            downloads.cancel()
        if process is not None:
            pip_program.end(process)

    def wait(self, seconds: float | None = None) -> SetupStatus:
        """Wait for the end, or for some seconds."""
        self._thread.join(seconds)
        return self._status

    def _run(self) -> None:
        self._began = time.monotonic()
        try:
            with self.plan.places.log.open("w", encoding="utf-8") as log:
                self._log = log
                try:
                    self._steps()
                except BaseException as error:
                    self._write(f"\n{type(error).__name__}: {error}\n")
                    raise
            self._status = SetupStatus(DONE, 1.0, "The backend is ready")
        except bridge.errors.Cancelled:
            text = "Set-up cancelled: starting it again goes on from here"
            self._status = SetupStatus(CANCELLED, self._status.fraction, text)
        except bridge.errors.HeatError as error:
            self._status = SetupStatus(FAILED, self._status.fraction, str(error))
        except (OSError, subprocess.SubprocessError) as error:
            text = pip_output.explain(str(error), "The backend")
            self._status = SetupStatus(FAILED, self._status.fraction, text)
        except Exception as error:  # else it would seem to go on for ever
            self._status = SetupStatus(FAILED, self._status.fraction, f"The set-up failed: {error}")
        finally:
            self._log = None
            if self._lock is not None:
                self._lock.release()

    def _steps(self) -> None:
        plan, places = self.plan, self.plan.places
        self._say(0.0, "Looking at Blender's Python")
        self._drop_passing()
        found = tools(plan)
        self._write(f"Python {found.python.version}: {found.python.path}\n")
        for line in found.source.lines(os.environ):
            self._write(line + "\n")
        before = environment.look(places, plan.brought, found.python.version)
        made = before.folder if before.state == environment.READY and not plan.default else None
        share = 1.0 if plan.networks is None else 0.5 if made is None else 0.0
        if made is None:
            made = self._make_default(found, before, share)
        if plan.networks is not None:
            self._add_networks(found, made, plan.networks, share)

    def _drop_passing(self) -> None:
        """Remove what an aborted set-up had not finished, but for wheels that arrived whole."""
        places = self.plan.places
        if places.work.is_dir():
            for path in places.work.iterdir():
                pip = path.name.startswith("pip-") and path.suffix != ".part"
                if path != places.wheels and not pip:
                    remove_tree(path)

    def _make_default(self, found: Tools, before: Found, share: float) -> Path:
        plan, places = self.plan, self.plan.places
        pins = packed.read_lock(plan.brought.lock)
        wheels = self._wheels(found, pins, 0.02 * share, 0.6 * share)
        folder = environment.new_folder(places, "e")
        own = Pin("heat", "", frozenset({f"sha256:{packed.digest(plan.brought.backend)}"}))
        self._install(
            found, {**wheels, own: plan.brought.backend}, folder, 0.6 * share, "the backend"
        )
        environment.write_launcher(folder, found.python.version)
        networks = environment.networks_folder(before.folder) if before.folder else None
        same = before.networks is not None and before.networks.python == found.python.version
        wanted = packed.extra_requirements(plan.brought.backend, NETWORKS_EXTRA)
        if networks is not None and same and before.networks.requirements == wanted:  # type: ignore[union-attr]
            environment.link_networks(folder, networks)
        self._say(0.9 * share, "Trying the backend")
        self._doctor(environment.at(folder, found.python.path))
        mark = Mark(
            found.python.path,
            found.python.version,
            found.python.own,
            plan.brought.backend.name,
            packed.digest(plan.brought.backend),
            packed.digest(plan.brought.lock),
        )
        environment.finish(places, folder, mark)
        return folder

    def _add_networks(self, found: Tools, made: Path, build: TorchBuild, start: float) -> None:
        plan, places = self.plan, self.plan.places
        wanted = packed.extra_requirements(plan.brought.backend, NETWORKS_EXTRA)
        if not wanted:
            raise bridge.errors.MissingHere("This backend has no networks to add")
        rest = 1.0 - start
        pins = self._resolve(found, wanted, build, start)
        wheels = self._wheels(found, pins, start + 0.05 * rest, start + 0.7 * rest, build)
        folder = environment.new_folder(places, "n")
        self._install(found, wheels, folder, start + 0.7 * rest, "the networks")
        self._say(start + 0.9 * rest, "Trying the networks")
        paths = [str(environment.packages_of(made)), str(environment.packages_of(folder))]
        trial = f"import sys; sys.path += {paths!r}; import torch; print(torch.__version__)"
        code, tail = self._command((found.python.path, *ISOLATED, "-c", trial), {})
        if code != 0:
            last = tail.strip().splitlines()[-1:] or ["the log says why"]
            raise bridge.errors.MissingHere(f"PyTorch was installed, but does not run: {last[0]}")
        mark = NetworksMark(found.python.version, build.name, wanted)
        environment.finish_networks(folder, mark)
        environment.link_networks(made, folder)

    def _resolve(
        self, found: Tools, wanted: tuple[str, ...], build: TorchBuild, start: float
    ) -> tuple[Pin, ...]:
        """Return all packages that the networks need besides those of the default set."""
        places = self.plan.places
        key = packed.short_key(*wanted, build.name, found.python.version)
        kept = places.wheels / f"networks-{key}.txt"
        if kept.is_file():
            return packed.read_lock(kept)
        self._say(start, "Looking up the packages of PyTorch")
        default = packed.read_lock(self.plan.brought.lock)
        report = places.work / "report.json"
        limits = places.work / "limits.txt"
        places.wheels.mkdir(parents=True, exist_ok=True)
        limits.write_text("".join(f"{p.name}=={p.version}\n" for p in default), encoding="utf-8")
        line = found.pip(
            "install", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--quiet",
            "--report", str(report), "--constraint", str(limits), *self._from(), *wanted,
        )  # fmt: skip
        code, tail = self._command(line, self._variables(found, build))
        if code != 0:
            raise bridge.errors.MissingHere(pip_output.explain(tail, wanted[0].replace("==", " ")))
        names = {packed.normal_name(pin.name) for pin in default}
        pins = [
            pin
            for pin in packed.read_report(report.read_text(encoding="utf-8"))
            if packed.normal_name(pin.name) not in names
        ]
        with bridge.whole_file.whole_file(kept) as part:
            part.write_text("".join(pin.requirement + "\n" for pin in pins), encoding="utf-8")
        return tuple(pins)

    def _from(self) -> tuple[str, ...]:
        """Return pip's arguments for a set-up from a folder."""
        folder = self.plan.wheel_folder
        return () if folder is None else ("--no-index", "--find-links", str(folder))

    def _variables(self, found: Tools, build: TorchBuild | None = None) -> dict[str, str]:
        extra = ""
        if build is not None and not found.source.names_an_index and self.plan.wheel_folder is None:
            extra = build.index or ""
        variables = found.source.variables(os.environ, extra_index=extra)
        return {**variables, **passing_folder(self.plan.places.work)}

    def _wheels(
        self,
        found: Tools,
        pins: Sequence[Pin],
        start: float,
        end: float,
        build: TorchBuild | None = None,
    ) -> dict[Pin, Path]:
        """Return a whole wheel of each package; bring what is missing."""
        plan, places = self.plan, self.plan.places
        self._say(start, "Looking at what is here")
        folders = [places.wheels, plan.brought.wheels]
        if plan.wheel_folder is not None:
            folders.insert(0, plan.wheel_folder)
        here = wheel_store.held(pins, folders, found.python.tags)
        missing = [pin for pin in pins if pin not in here]
        if not missing:
            return here
        names = ", ".join(map(str, missing[:4])) + (" ..." if len(missing) > 4 else "")
        if plan.wheel_folder is not None:
            raise bridge.errors.MissingHere(
                f"The folder {plan.wheel_folder} has no fitting wheel of {names} for Python "
                f"{found.python.version} on this system, or another file than the published one"
            )
        if not plan.online:
            raise bridge.errors.MissingHere(
                f"{packed.bundle_of(plan.brought)}Blender is set to stay offline, and {names} is "
                "not here for Python "
                f"{found.python.version} on this system: allow online access in "
                "Preferences > System, or name a folder of wheels"
            )
        if "ssl" in found.python.lacks:
            mend = pip_output.install_ssl(version=found.python.version)
            raise bridge.errors.MissingHere(
                f"This Python ({found.python.path}) cannot open secure connections: {mend}"
            )
        self._downloads = Downloads(
            found.pip(),
            self._variables(found, build),
            places.work,
            places.wheels,
            packed.wheel_sizes(plan.brought) | ({"torch": build.download_mb} if build else {}),
            self._write,
        )
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")

        def report(line: Line) -> None:
            self._say(start + (end - start) * line.fraction, line.text)

        self._downloads.fetch(missing, report)
        self._downloads = None
        here = wheel_store.held(pins, folders, found.python.tags)
        missing = [pin for pin in pins if pin not in here]
        if missing:
            raise bridge.errors.MissingHere(f"{missing[0]} arrived, but does not fit this Python")
        return here

    def _install(
        self, found: Tools, wheels: dict[Pin, Path], folder: Path, start: float, what: str
    ) -> None:
        self._say(start, f"Unpacking {what}: {len(wheels)} packages")
        wanted = self.plan.places.work / "install.txt"
        lines = []
        for pin, path in wheels.items():
            hashes = "".join(f" --hash={one}" for one in sorted(pin.hashes))
            lines.append(f"{packed.normal_name(pin.name)} @ {path.resolve().as_uri()}{hashes}\n")
        wanted.write_text("".join(lines), encoding="utf-8")
        # Byte code is made by the first run, of what is needed; pip would compile all.
        line = found.pip(
            "install", "--no-index", "--no-deps", "--no-compile", "--no-warn-conflicts",
            "--no-cache-dir", "--progress-bar", "off", "--target",
            str(environment.packages_of(folder)), "-r", str(wanted),
        )  # fmt: skip
        code, tail = self._command(line, self._variables(found))
        if code != 0:
            raise bridge.errors.MissingHere(pip_output.explain(tail, what.capitalize()))

    def _doctor(self, backend: environment.Environment) -> None:
        variables = {**interpreter.child_environment(os.environ), **backend.environment}
        code, tail = self._command((*backend.command, "doctor", "--json"), variables)
        if code != 0:
            report = bridge.checks.parse_report(tail)
            complaint = bridge.checks.first_complaint(report) if report else None
            raise bridge.errors.MissingHere(
                f"The backend was installed, but {complaint or 'does not run: the log says why'}"
            )

    def _command(self, line: tuple[str, ...], variables: dict[str, str]) -> tuple[int, str]:
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")
        self._write(f"\n$ {' '.join(line)}\n")
        tail: deque[str] = deque(maxlen=200)
        with pip_program.spawn(line, variables or interpreter.child_environment(os.environ)) as run:
            self._process = run
            if self._cancelled.is_set():
                pip_program.end(run)
            assert run.stdout is not None
            for said in run.stdout:
                tail.append(said)
                self._write(said)
            code = run.wait()
        self._process = None
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")
        return code, "".join(tail)

    def _say(self, fraction: float, text: str) -> None:
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("cancelled")
        if text != self._status.text and not text.startswith("Downloading"):
            self._write(f"[{time.monotonic() - self._began:6.1f} s] {text}\n")
        self._status = SetupStatus(RUNNING, fraction, text)

    def _write(self, text: str) -> None:
        log = self._log
        if log is not None:
            log.write(text)
            log.flush()


def _unwritable(places: Places, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return pip_output.explain(str(error), "")
    return (
        f"The user's data folder {places.data} cannot be written: {error.strerror}. Allow it, or "
        "start Blender with BLENDER_USER_RESOURCES set to a folder that can be"
    )


def clean(places: Places) -> None:
    """Remove what a finished set-up has replaced; what another program holds goes the next time.

    To be called once no backend runs from the old environment.
    """
    environment.sweep(places)
    remove_tree(places.work)
