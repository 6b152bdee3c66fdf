# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a Blender with a window: plays a story step by step between Blender's own events.

A story is a generator that yields the seconds to wait before its next step, so that Blender
draws, its timers fire and its modal operators run in between, as they do for a user.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
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


EXTENSION = "bl_ext.user_default.heat"


def part(name: str) -> Any:
    """Import a module of the installed extension."""
    return importlib.import_module(f"{EXTENSION}.{name}")


def install(given: dict[str, Any]) -> None:
    """Install the zip as from disk, and name the backend, if any: an interpreter, or an address."""
    bpy.ops.extensions.package_install_files(
        filepath=given["zip"], repo="user_default", enable_on_install=True
    )
    preferences = bpy.context.preferences.addons[EXTENSION].preferences
    if "python" in given:
        preferences.backend = "EXISTING"
        preferences.existing_python = given["python"]
    elif "remote" in given:
        preferences.backend = "REMOTE"
        preferences.host, preferences.port, preferences.secret = given["remote"]


def unfold(module: str, names: Sequence[str]) -> None:
    """Show a section first in the tab, with some panels unfolded; its own is the first of them."""
    panels = [cls for cls in part(module).CLASSES if issubclass(cls, bpy.types.Panel)]
    for panel in reversed(panels):
        bpy.utils.unregister_class(panel)
    panels[0].bl_order = 0
    for panel in panels:
        if panel.__name__ in names:
            panel.bl_options = set()
        bpy.utils.register_class(panel)


def open_tab() -> Story:
    """Open the viewport's sidebar on the add-on's tab."""
    area = area_of("VIEW_3D")
    area.spaces.active.show_region_ui = True
    yield 0.5
    sidebar = next(region for region in area.regions if region.type == "UI")
    sidebar.active_panel_category = "Heat"  # raises where there is no such tab
    area.tag_redraw()
    yield 0.5


def remove_default_objects() -> None:
    """Take the factory scene's cube, lamp and camera away."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)


def look_at_face(mesh: Any) -> Story:
    """Turn the viewport to the front of a mesh, without grid and gizmos that could move."""
    area = area_of("VIEW_3D")
    space = area.spaces.active
    space.show_gizmo = False
    space.overlay.show_overlays = False
    space.region_3d.view_perspective = "ORTHO"
    space.region_3d.view_rotation = (0.7071068, 0.7071068, 0.0, 0.0)
    space.region_3d.view_location = mesh.matrix_world.translation
    bpy.ops.object.select_all(action="DESELECT")
    mesh.select_set(True)
    bpy.context.view_layer.objects.active = mesh
    with within(area):
        bpy.ops.view3d.view_selected()
    yield 1.0


def show_sequencer() -> Story:
    """Turn the viewport into the sequencer, with all strips in view."""
    area = area_of("VIEW_3D")
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    yield 1.0
    with within(area):
        bpy.ops.sequencer.view_all()
    yield 1.0


def frames_seen(portrait: Any) -> int:
    """Count the preview frames a portrait got so far; raise where its preview gave up."""
    session = part("preview.sessions").session_of(portrait.uid)
    if session is None or session.live.state == "failed":
        raise RuntimeError(session.status()[0] if session else "the preview is not running")
    return int(session.frame_number)


def backend_pid() -> int | None:
    """Process number of the backend that this Blender started; None when it started none."""
    number = part("backend.owner").owner().pid
    return None if number is None else int(number)


def strips(scene: Any) -> list[Any]:
    """Give the strips of a scene's sequencer."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips if hasattr(editor, "strips") else editor.sequences)


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


def open_view_of(area: Any) -> dict[str, int]:
    """Give the part of a viewport that its headers and sidebar leave free.

    In window pixels, from the top left as pictures count.
    """
    height = bpy.context.window_manager.windows[0].height
    sidebar = next(region for region in area.regions if region.type == "UI")
    headers = [r for r in area.regions if r.type in {"HEADER", "TOOL_HEADER"}]
    return {
        "left": area.x,
        "top": height - min(region.y for region in headers),
        "right": sidebar.x,
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
