# SPDX-License-Identifier: GPL-3.0-or-later
"""pip, run by a Python that has none: from the wheel that the extension brings. No bpy here.

The wheel is unpacked once, as a start from the zip would compile all of pip each time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ... import bridge
from .interpreter import ISOLATED
from .patience import patiently, remove_tree

_START = (
    "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)


def unpack(wheel: Path, work: Path) -> Path:
    """Return the folder with pip, unpacked below `work` at need.

    Raises
    ------
    BadInput
        The wheel is damaged.
    OSError
        It cannot be written.
    """
    folder = work / "-".join(wheel.name.split("-")[:2])
    if folder.is_dir():
        return folder
    work.mkdir(parents=True, exist_ok=True)
    part = work / f"pip-{os.getpid()}.part"
    remove_tree(part)
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(part)
    except zipfile.BadZipFile as error:
        raise bridge.errors.BadInput(
            f"The add-on's file {wheel.name} is damaged: install the add-on again"
        ) from error
    try:
        patiently(lambda: part.rename(folder))
    except OSError:
        if not folder.is_dir():  # another Blender was faster
            raise
        remove_tree(part)
    return folder


def command(python: str, pip_folder: Path, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs pip, apart from Blender's and the user's packages."""
    return (python, *ISOLATED, "-c", _START, str(pip_folder), *arguments)


def spawn(line: tuple[str, ...], variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a command whose output, errors among it, is read line by line."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=dict(variables),
        creationflags=flags,
        start_new_session=sys.platform != "win32",  # its children end with it on Cancel
    )


def end(process: subprocess.Popen[str]) -> None:
    """End a command and its children."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGTERM)


def settings(python: str, pip_folder: Path, variables: Mapping[str, str]) -> str:
    """Return what ``pip config list`` says of the user's settings.

    Raises
    ------
    BadInput
        They cannot be read.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    done = subprocess.run(
        command(python, pip_folder, "config", "list"),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        env=dict(variables),
        creationflags=flags,
        timeout=60.0,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise bridge.errors.BadInput(
            f"pip's settings cannot be read: {said[-1] if said else 'pip.conf is damaged'}"
        )
    return done.stdout
