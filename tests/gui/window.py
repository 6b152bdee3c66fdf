# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a Blender that can open a window, and play a story in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ARTIFACTS = ROOT / ".cache" / "gui"
OLDEST = (4, 2)
WINDOW_SIZE = (1600, 1000)
LAUNCHER_MARK = b"made by modern-blender"


@dataclass(frozen=True)
class Blender:
    """A Blender with a window.

    Attributes
    ----------
    path : Path
        What to run.
    brings_display : bool
        It is a launcher that starts its own X server.
    is_chroot : bool
        It runs in a file tree of its own, where only some folders of this machine show.
    """

    path: Path
    version: tuple[int, int]
    brings_display: bool
    is_chroot: bool


@dataclass(frozen=True)
class Told:
    """How a story ended: Blender's exit status, its findings, what it printed, its folder."""

    status: int
    findings: dict[str, Any]
    log: str
    folder: Path


def find_blender() -> Blender | str:
    """Take ``BLENDER``, else a ``blender`` on PATH; a sentence when neither will do."""
    named = os.environ.get("BLENDER", "")
    path = named or shutil.which("blender") or ""
    if not path or not Path(path).is_file():
        return f"no Blender at {named}" if named else "no Blender: set BLENDER to its path"
    chroot = LAUNCHER_MARK in Path(path).read_bytes()[:400]
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Blender (\d+)\.(\d+)", said)
    if found is None:
        return f"{path} is no Blender"
    version = (int(found[1]), int(found[2]))
    if version < OLDEST:
        return f"Blender {version[0]}.{version[1]} is older than 4.2"
    brings_display = chroot and not os.environ.get("DISPLAY")
    if not (brings_display or os.environ.get("DISPLAY") or shutil.which("Xvfb")):
        return "no display for a window, and no Xvfb to make one"
    return Blender(Path(path), version, brings_display, chroot)


def backend_runs_inside(blender: Blender) -> bool:
    """Tell whether this environment's Python can be started by that Blender.

    In a file tree of its own, an interpreter under ``/usr`` is hidden by that tree's own.
    """
    return not blender.is_chroot or not sys.base_prefix.startswith("/usr")


@contextmanager
def display(blender: Blender, size: tuple[int, int] = WINDOW_SIZE) -> Iterator[dict[str, str]]:
    """Environment with a display: the present one, or an Xvfb for as long as it is needed."""
    if blender.brings_display or os.environ.get("DISPLAY"):
        yield {}
        return
    receive, send = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(send),
        "-screen",
        "0",
        f"{size[0]}x{size[1]}x24",
        "-nolisten",
        "tcp",
    ]
    server = subprocess.Popen(command, pass_fds=(send,), stderr=subprocess.DEVNULL)
    os.close(send)
    try:
        with os.fdopen(receive) as told:
            yield {"DISPLAY": f":{told.readline().strip()}", "LIBGL_ALWAYS_SOFTWARE": "1"}
    finally:
        server.terminate()
        server.wait()


def launch(blender: Blender, story: str, folder: Path, given: dict[str, Any],
           screen: dict[str, str], size: tuple[int, int] = WINDOW_SIZE
           ) -> subprocess.Popen[str]:  # fmt: skip
    """Start Blender on a story of this folder, with settings of its own and a log."""
    home = folder / "home"
    home.mkdir(parents=True)
    environment = {**os.environ, **screen, "MB_HOME": str(home), "MB_BIND": sys.base_prefix}
    environment |= {"BLENDER_USER_RESOURCES": str(home), "MB_SIZE": f"{size[0]}x{size[1]}"}
    given = {**given, "folder": str(folder), "root": str(ROOT)}
    command = [
        str(blender.path),
        "--factory-startup",
        "--window-geometry",
        "0",
        "0",
        *map(str, size),
    ]
    command += ["--python-exit-code", "3", "--python", str(HERE / f"{story}.py")]
    with (folder / "blender.log").open("w") as log:
        return subprocess.Popen(
            [*command, "--", json.dumps(given)], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def fresh_folder(name: str) -> Path:
    """Empty a folder for a story's pictures and findings; it stays for a later look."""
    folder = ARTIFACTS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def tell(blender: Blender, story: str, given: dict[str, Any], limit: float = 240.0) -> Told:
    """Play a story to its end."""
    folder = fresh_folder(story)
    with display(blender) as screen:
        process = launch(blender, story, folder, given, screen)
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.terminate()
            status = process.wait(20)
    result = folder / "result.json"
    findings = json.loads(result.read_text("utf-8")) if result.is_file() else {}
    log = (folder / "blender.log").read_text("utf-8", "replace")
    return Told(status, findings, log, folder)


def wait_for_file(path: Path, limit: float) -> bool:
    """Wait until a story has left a file."""
    end = time.monotonic() + limit
    while not path.is_file():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
