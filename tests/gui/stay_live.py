# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: keep a preview running, and tell who is who, until the test says stop or kills us."""

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver


def story(given: dict[str, Any], _findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    driver.install(given)
    yield 0.5
    driver.remove_default_objects()
    bpy.ops.heat.portrait_add(photo=given["photo"])
    bpy.ops.heat.add_sample_rig()
    portrait = bpy.context.scene.heat.portraits[0]
    bpy.ops.heat.preview_start()
    yield from driver.wait_until("the first frame", lambda: driver.frames_seen(portrait) > 0)
    told = folder / "live.part"
    told.write_text(json.dumps({"blender": os.getpid(), "backend": driver.backend_pid()}), "utf-8")
    told.rename(folder / "live.json")
    yield from driver.wait_until("the test's word", lambda: (folder / "stop").is_file())


driver.play(story)
