# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the add-on in headless Blender: registration, and the live image's frames."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.given import SIDE, Given
from bridge.errors import MissingHere
from heat_backend.bench.rows import Row
from tools import environments

ROOT = Path(__file__).resolve().parents[1]
STARTS = 7
REGISTRATION_MS = 50.0
FRAME_MS = 8.0
BLOCK_MS = 30.0


def rows(given: Given, report: Callable[[str], None]) -> list[Row] | str:
    """Measure in processes of their own; a sentence when Blender's module is not installed."""
    report("add-on in headless Blender ...")
    try:
        version = blender(given, "install", zip=str(given.package))["blender"]
    except MissingHere as problem:
        return str(problem)
    starts = [float(blender(given, "register")["registration_ms"]) for _ in range(STARTS)]
    live = blender(given, "live", photo=str(given.photo), python=sys.executable, side=SIDE)
    registration = Row(
        "add-on registration", statistics.median(starts), "ms", REGISTRATION_MS,
        note=f"import and register() of the zip in a fresh headless Blender {version}",
    )  # fmt: skip
    return [registration, *main_thread_rows(live, "live image", f"headless Blender {version}")]


def main_thread_rows(live: dict[str, Any], how: str, where: str) -> list[Row]:
    """Make the rows of the add-on's own work on Blender's main thread.

    Parameters
    ----------
    live : dict
        ``frame_ms`` and ``block_ms``: lists of milliseconds, of frames and of the longest call
        of each; ``start_block_ms``: the longest call before those.
    how, where : str
        How the frames were shown, and by which Blender.
    """
    block = max(live["block_ms"])
    return [
        Row(
            f"add-on's main thread, a {SIDE} x {SIDE} frame, {how}",
            statistics.median(live["frame_ms"]), "ms", FRAME_MS,
            note=f"{where}; {len(live['frame_ms'])} frames; longest {max(live['frame_ms']):.1f} ms",
        ),
        Row(
            f"longest single block, {how}", block, "ms", BLOCK_MS,
            note=f"{where}; the longest of all calls; the longest of a frame has median "
            f"{statistics.median(live['block_ms']):.1f} ms; once, as the preview starts, "
            f"{live['start_block_ms']:.0f} ms",
        ),
    ]  # fmt: skip


def blender(given: Given, task: str, **arguments: Any) -> dict[str, Any]:
    """Run a task of ``bench.in_background`` and return its numbers.

    Raises
    ------
    MissingHere
        When it failed; carries the last line it printed.
    """
    home = given.folder / "headless"
    home.mkdir(exist_ok=True)
    result = given.folder / "headless.json"
    result.unlink(missing_ok=True)
    python = environments.blender_python()
    if python is None:
        raise MissingHere(
            "Blender's module is not here: make bench makes it with Python 3.11 or 3.13"
        )
    done = subprocess.run(
        [str(python), "-m", "bench.in_background", task, str(result), json.dumps(arguments)],
        cwd=ROOT, env={**os.environ, "BLENDER_USER_RESOURCES": str(home)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if not result.is_file():
        result = done.stdout.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise MissingHere(f"headless Blender could not do its part: {result[-1]}")
    return dict(json.loads(result.read_text("utf-8")))
