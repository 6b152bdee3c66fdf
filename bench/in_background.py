# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in pip's ``bpy``: one task a process, its numbers into a JSON file."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import bpy

from bench.main_thread import MainThread

EXTENSION = "bl_ext.user_default.heat"
FRAMES = 60
WARM_UP = 5


def install(arguments: dict[str, Any]) -> dict[str, Any]:
    """Install the zip as from disk; settings are kept, but it starts disabled."""
    bpy.ops.extensions.package_install_files(
        filepath=arguments["zip"], repo="user_default", enable_on_install=True
    )  # once enabled, its byte code is on disk, as for a user from the second start on
    return {"blender": bpy.app.version_string}


def register(_arguments: dict[str, Any]) -> dict[str, Any]:
    """Time what a start of Blender waits for."""
    began = time.perf_counter()
    importlib.import_module(EXTENSION).register()
    return {"registration_ms": (time.perf_counter() - began) * 1e3}


def live(arguments: dict[str, Any]) -> dict[str, Any]:
    """Move a slider, frame by frame, and time what the add-on does until the image shows it."""
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    preferences = bpy.context.preferences.addons[EXTENSION].preferences
    preferences.backend, preferences.existing_python = "EXISTING", arguments["python"]
    bpy.ops.heat.portrait_add(photo=arguments["photo"])
    bpy.ops.heat.add_sample_rig()
    bpy.ops.heat.auto_map()
    portrait = bpy.context.scene.heat.portraits[0]
    portrait.preview.mode, portrait.preview.render_size = "IMAGE", arguments["side"]
    clock = MainThread(EXTENSION)
    clock.listen()
    bpy.ops.heat.preview_start()
    session = clock.part("preview.sessions").session_of(portrait.uid)
    key = portrait.mesh.data.shape_keys.key_blocks["jawOpen"]
    for number in range(WARM_UP + FRAMES):
        shown = session.image_number
        key.value = 0.1 + 0.01 * number
        bpy.context.view_layer.update()
        end = time.monotonic() + 30
        while session.image_number == shown:
            if time.monotonic() > end:
                raise TimeoutError("the backend sent no frame")
            clock.step()
            time.sleep(0.01)
        clock.frame_shown(counts=number >= WARM_UP)
    assert (session.frame.width, session.frame.height) == (arguments["side"],) * 2
    return clock.numbers()


def main() -> int:
    """Do the task and write its numbers."""
    task, result, arguments = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    bpy.context.preferences.view.show_splash = False
    numbers = {"install": install, "register": register, "live": live}[task](arguments)
    part = result.with_suffix(".part")
    part.write_text(json.dumps(numbers), "utf-8")
    part.replace(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
