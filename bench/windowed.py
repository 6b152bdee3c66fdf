# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the add-on in a Blender with a window: its drawing, and from slider to screen."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.given import SIDE, Given
from bench.headless import main_thread_rows
from bridge.errors import MissingHere
from heat_backend.bench.rows import Row
from tests.gui import window
from tests.gui.conftest import outside_backend

STORY = Path(__file__).resolve().parent / "in_window"
SIZES = ((1280, 720), (1600, 1000))
LATENCY_MS = 120.0
ROUNDS = 6
LIMIT_SECONDS = 240.0


def rows(given: Given, report: Callable[[str], None]) -> list[Row] | str:
    """Measure; a sentence when there is no Blender that can open a window."""
    blender = window.find_blender()
    if isinstance(blender, str):
        return blender
    try:
        return _rows(blender, given, report)
    except MissingHere as problem:
        return str(problem)


def _rows(blender: window.Blender, given: Given, report: Callable[[str], None]) -> list[Row]:
    version = f"Blender {blender.version[0]}.{blender.version[1]}"
    report(f"add-on in a window of {version} ...")
    result = play(blender, given, SIZES[0], {"what": "main_thread", "side": SIDE})
    found = main_thread_rows(result, "overlay", f"window of {version}")
    for number, size in enumerate(SIZES):
        report(f"slider to screen, {size[0]} x {size[1]} ...")
        result = play(blender, given, size, {"what": "latency", "side": 512, "rounds": ROUNDS})
        found += latency_rows(result, size, LATENCY_MS if number == 0 else None)
    return found


def latency_rows(result: dict[str, Any], size: tuple[int, int], target: float | None) -> list[Row]:
    """Make the rows of one window; the target stands for viewports without anti-aliasing."""
    view = "{} x {}".format(*result["viewport"])
    found = []
    for smooth, words in (("OFF", "no AA"), ("8", "AA of 8")):
        with_preview, alone = (result["latency_ms"][f"{smooth} {what}"]
                               for what in ("preview", "blender"))  # fmt: skip
        found.append(
            Row(
                f"slider to screen, 512 px, {size[0]} x {size[1]}, {words}",
                statistics.median(with_preview), "ms", target if smooth == "OFF" else None,
                note=f"sample rig, solid shading, viewport {view}; "
                f"Blender's own drawing without the preview {statistics.median(alone):.0f} ms; "
                f"best {min(with_preview):.0f} and {min(alone):.0f} ms",
            )
        )  # fmt: skip
    return found


def play(
    blender: window.Blender, given: Given, size: tuple[int, int], asked: dict[str, Any]
) -> dict[str, Any]:
    """Play the story in a window of that size and return its numbers.

    Raises
    ------
    MissingHere
        When it came to no end; says why.
    """
    folder = given.folder / "window"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = {"zip": str(given.package), "photo": str(given.photo)}
    with contextlib.ExitStack() as stack:
        if window.backend_runs_inside(blender):
            backend: dict[str, Any] = {"python": sys.executable}
        else:
            backend = {"remote": stack.enter_context(outside_backend())}
        screen = stack.enter_context(window.display(blender, size))
        process = window.launch(
            blender, str(STORY), folder, {**files, **backend, **asked}, screen, size
        )
        try:
            process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise MissingHere("the window did not come to an end") from None
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(20)
    result = folder / "result.json"
    if not result.is_file():
        raise MissingHere("Blender ended early: " + _last_line(folder / "blender.log"))
    result: dict[str, Any] = json.loads(result.read_text("utf-8"))
    if "error" in result:
        raise MissingHere(result["error"].strip().splitlines()[-1])
    return result


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
