# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's environment on disk: where its Python is, and whether it is whole.

A mark is written into the environment at the very end of a set-up. An environment without the
mark was aborted and is repaired by the next set-up. No bpy here.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ... import bridge

MARK_NAME = "heat_environment.json"
LOCK_NAME = "heat_setup.lock"

ABSENT = "absent"
UNFINISHED = "unfinished"
OUTDATED = "outdated"
READY = "ready"


@dataclass(frozen=True)
class Mark:
    """What stands in a finished environment: which wheel it was made from, and how."""

    wheel: str
    wheel_sha256: str
    torch_build: str


def python_in(folder: Path, platform: str = sys.platform) -> Path:
    """Return the path of an environment's interpreter."""
    return folder / ("Scripts/python.exe" if platform == "win32" else "bin/python")


def state_of(folder: Path, wheel: Path | None) -> str:
    """Return ABSENT, UNFINISHED, OUTDATED (made from another wheel) or READY.

    Parameters
    ----------
    folder : Path
        The environment's folder.
    wheel : Path or None
        The wheel that this add-on brings; None (a checkout) takes any finished environment.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return ABSENT
    mark = read_mark(folder)
    if mark is None or not python_in(folder).exists():
        return UNFINISHED
    if wheel is not None and (mark.wheel, mark.wheel_sha256) != (wheel.name, digest(wheel)):
        return OUTDATED
    return READY


def read_mark(folder: Path) -> Mark | None:
    """Return the mark of a finished environment, or None."""
    try:
        values = json.loads((folder / MARK_NAME).read_text(encoding="utf-8"))
        return Mark(str(values["wheel"]), str(values["wheel_sha256"]), str(values["torch_build"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_mark(folder: Path, mark: Mark) -> None:
    """Mark an environment as finished."""
    with bridge.whole_file.whole_file(folder / MARK_NAME) as part:
        part.write_text(json.dumps(asdict(mark)), encoding="utf-8")


def remove_mark(folder: Path) -> None:
    """Mark an environment as unfinished, before anything in it is changed."""
    (folder / MARK_NAME).unlink(missing_ok=True)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def packed_wheel(addon_folder: Path) -> Path:
    """Return the backend's wheel that came with the extension.

    Raises
    ------
    MissingHere
        There is none, as in a source checkout.
    """
    wheels = sorted((addon_folder / "wheels").glob("heat-*.whl"))
    if not wheels:
        raise bridge.errors.MissingHere(
            "This copy of the add-on brings no backend to install: install the packed "
            'extension, or choose "An environment that exists" in the preferences'
        )
    return wheels[-1]


def take_lock(folder: Path) -> None:
    """Make sure that no other Blender sets up the same environment.

    Raises
    ------
    BadInput
        Another one does.
    """
    path = folder / LOCK_NAME
    folder.mkdir(parents=True, exist_ok=True)
    for _attempt in range(2):
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if _holder_lives(path):
                raise bridge.errors.BadInput(
                    "Another Blender is setting up the backend: wait until it is done"
                ) from None
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(handle, "w") as lock:
            lock.write(str(os.getpid()))
        return


def drop_lock(folder: Path) -> None:
    """Release the lock of `take_lock`."""
    (folder / LOCK_NAME).unlink(missing_ok=True)


def _holder_lives(path: Path) -> bool:
    try:
        pid = int(path.read_text())
    except (OSError, ValueError):
        return False
    if pid == os.getpid():
        return False
    if sys.platform == "win32":
        # A process cannot be probed there without harm; a set-up never takes two hours.
        import time

        return time.time() - path.stat().st_mtime < 7200
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
