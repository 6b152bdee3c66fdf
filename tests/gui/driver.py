# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a Blender with a window: plays a story step by step between Blender's own events.

A story is a generator that yields the seconds to wait before its next step, so that Blender
draws, its timers fire and its modal operators run in between, as they do for a user.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import bpy

Story = Iterator[float]
GIVE_UP_SECONDS = 90.0


def arguments() -> dict[str, Any]:
    """Read what the test passed: one JSON object after ``--``."""
    return dict(json.loads(sys.argv[sys.argv.index("--") + 1]))


def play(story: Callable[[dict[str, Any], dict[str, Any]], Story]) -> None:
    """Start a story once the window stands; it ends Blender, with its findings in ``result``.

    Parameters
    ----------
    story : callable
        Called with the test's arguments and a dictionary for findings, which is written as
        JSON to ``folder/result.json`` at the end, an exception's text included.
    """
    given = arguments()
    findings: dict[str, Any] = {"blender": bpy.app.version_string}
    steps = story(given, findings)

    def finish(status: int) -> None:
        (Path(given["folder"]) / "result.json").write_text(json.dumps(findings), "utf-8")
        if status:
            sys.stdout.flush()
            os._exit(status)
        bpy.ops.wm.quit_blender()

    def tick() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            finish(0)
        except BaseException:
            findings["error"] = traceback.format_exc()
            finish(3)
        return None

    bpy.context.preferences.view.show_splash = False
    # Blender's crash and session files stay out of the machine's own temporary folder.
    bpy.context.preferences.filepaths.temporary_directory = given["folder"]
    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


def wait_until(what: str, condition: Callable[[], bool], limit: float = GIVE_UP_SECONDS) -> Story:
    """Let Blender run until a condition holds; raise with its name when it never does."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {limit:.0f} s in vain for: {what}")
        yield 0.1


def area_of(kind: str) -> Any:
    """Find the window's first area of a kind, such as ``VIEW_3D``."""
    screen = bpy.context.window_manager.windows[0].screen
    return next(area for area in screen.areas if area.type == kind)


def within(area: Any) -> AbstractContextManager[Any]:
    """Context in which an operator acts as if called in an area's main region."""
    region = next(r for r in area.regions if r.type == "WINDOW")
    return bpy.context.temp_override(
        window=bpy.context.window_manager.windows[0], area=area, region=region
    )


def place_of(area: Any) -> dict[str, int]:
    """Give an area's rectangle in window pixels, from the top left as pictures count."""
    height = bpy.context.window_manager.windows[0].height
    return {
        "left": area.x,
        "top": height - area.y - area.height,
        "right": area.x + area.width,
        "bottom": height - area.y,
    }


def grab(target: Path) -> None:
    """Take a picture of the screen as it stands, without asking Blender to draw."""
    display = os.environ.get("DISPLAY", "")
    window = bpy.context.window_manager.windows[0]
    if display and shutil.which("ffmpeg"):
        size = f"{window.width}x{window.height}"
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-y",
            "-f",
            "x11grab",
            "-draw_mouse",
            "0",
            "-video_size",
            size,
        ]
        command += ["-i", display, "-frames:v", "1", str(target)]
        subprocess.run(command, check=True, timeout=30, stdin=subprocess.DEVNULL)
    elif display and shutil.which("import"):
        command = ["import", "-window", "root", str(target)]
        subprocess.run(command, check=True, timeout=30, stdin=subprocess.DEVNULL)
    else:  # black under software OpenGL, right elsewhere
        with within(area_of("VIEW_3D")):
            bpy.ops.screen.screenshot(filepath=str(target))
