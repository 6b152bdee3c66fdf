# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender part of the demo as a process of its own, and what it says on the way.

It runs in the Blender that ``BLENDER`` names, else in Blender's module in its own environment.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from demo.performance import performance
from tools import environments

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "demo" / "in_blender.py"

SAYS = "Heat: "
"""Begins the lines that are progress; the add-on in background Blender prints such ones too."""
# What an operator reports reaches a script as a RuntimeError with this prefix.
REPORTED = "RuntimeError: Error: "
_FRAME = re.compile(r"Frame (\d+) of (\d+)")


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


class Steps:
    """Shows steps and frames: one line that changes on a terminal, else a line each quarter.

    Parameters
    ----------
    stream : text stream
        Where to, such as standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._open = False
        self._quarter = 0

    def say(self, line: str) -> None:
        """Show a step that stays to be read."""
        self.end()
        print(line, file=self._stream, flush=True)

    def hear(self, line: str) -> None:
        """Show a line of progress, such as ``Frame 12 of 120, 4 s left``."""
        if self._live:
            print(f"\r\033[K  {line}", end="", file=self._stream, flush=True)
            self._open = True
            return
        frame = _FRAME.match(line)
        if frame is None:
            self.say(f"  {line}")
            return
        quarter = 4 * int(frame[1]) // max(1, int(frame[2]))
        if quarter > self._quarter:
            self._quarter = quarter
            self.say(f"  {line}")

    def end(self) -> None:
        """Leave the line that changes as it stands."""
        if self._open:
            print(file=self._stream, flush=True)
            self._open = False


def blender_command() -> list[str] | None:
    """Give what runs a script in Blender, the script's own arguments to be added; None without one.

    Raises
    ------
    DemoError
        ``BLENDER`` names a file that is not there.
    """
    named = os.environ.get("BLENDER", "")
    if named and not Path(named).is_file():
        raise DemoError(f"there is no Blender at {named}")
    if named:
        options = ("--background", "--factory-startup", "--python-exit-code", "1", "--python")
        return [named, *options, str(SCRIPT), "--"]
    python = environments.blender_python()
    return [str(python), str(SCRIPT)] if python else None


def perform(
    blender: list[str], package: Path, photo: Path, making: Path, out: Path, log: Path, steps: Steps
) -> None:
    """Run ``demo.in_blender`` with settings of its own.

    Parameters
    ----------
    blender : list of str
        From `blender_command`.
    package, photo : path
        The add-on's zip and the photo.
    making, out : path
        The folder to write to, and the one to which the results are moved afterwards.
    log : path
        Everything it says.
    steps : Steps
        Told of its progress.

    Raises
    ------
    DemoError
        If it fails; carries what it gave as the reason.
    """
    home = making / "blender-settings"
    home.mkdir()
    given = {"zip": package, "photo": photo, "making": making, "out": out, "python": sys.executable}
    told = {name: str(value) for name, value in given.items()}
    command = [*blender, json.dumps({**told, "performance": asdict(performance())})]
    # The last is for a Blender in a file tree of its own: what else it must see of this machine.
    settings = {"BLENDER_USER_RESOURCES": str(home), "MB_HOME": str(home)}
    settings["MB_BIND"] = sys.base_prefix
    output = []
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            text=True, encoding="utf-8", errors="replace",
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.write(line)
                output.append(line.rstrip())
                if line.startswith(SAYS):
                    steps.hear(line.removeprefix(SAYS).rstrip())
        except BaseException:  # Ctrl-C: nothing may go on writing behind our back
            process.kill()
            process.wait()
            raise
    steps.end()
    if process.returncode != 0 or not (making / "demo.mp4").is_file():
        reasons = [line.removeprefix(REPORTED) for line in output if line.startswith(REPORTED)]
        raise DemoError("\n".join(reasons[-1:] or output[-5:]) + f"\n(everything it said: {log})")
