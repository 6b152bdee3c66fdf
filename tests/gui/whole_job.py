# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: install the zip, open the tab, rig, map, preview, move a slider, render, see the strip."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver


def story(given: dict[str, Any], findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    driver.install(given)
    yield 0.5
    yield from driver.open_tab()
    findings["tab_open"] = True
    driver.remove_default_objects()
    bpy.ops.heat.portrait_add(photo=given["photo"])
    bpy.ops.heat.add_sample_rig()
    yield 1.0
    view = driver.area_of("VIEW_3D").spaces.active.region_3d
    head = bpy.context.object
    middle = sum(corner[2] for corner in head.bound_box) / 8
    findings["view"] = {
        "distance": view.view_distance,
        "off_the_head": (view.view_location - head.matrix_world.translation).z - middle,
        "from_the_front": -(view.view_rotation.to_matrix().col[2].y),
    }
    bpy.ops.heat.auto_map()
    portrait = bpy.context.scene.heat.portraits[0]
    findings["rows"] = len(portrait.key_rows)
    findings["bone_rows"] = len(portrait.bone_rows)
    yield from driver.look_at_face(portrait.mesh)
    findings["viewport"] = driver.open_view_of(driver.area_of("VIEW_3D"))
    driver.grab(folder / "before.png")
    yield from preview(given, findings, portrait)
    yield from render(given, findings, portrait)


def preview(given: dict[str, Any], findings: dict[str, Any], portrait: Any) -> driver.Story:
    folder = Path(given["folder"])
    keys = portrait.mesh.data.shape_keys.key_blocks
    bpy.ops.heat.preview_start()
    yield from driver.wait_until(
        "the first frame of the preview", lambda: driver.frames_seen(portrait) > 0
    )
    yield 1.0
    findings["backend"] = driver.backend_pid()
    driver.grab(folder / "live.png")
    yield from settle(portrait, lambda: setattr(keys["jawOpen"], "value", 0.9))
    driver.grab(folder / "jaw.png")
    yield from settle(portrait, lambda: setattr(keys["jawOpen"], "value", 0.0))
    driver.grab(folder / "shut.png")
    key_blink(keys)
    yield from settle(portrait, lambda: bpy.context.scene.frame_set(12))
    driver.grab(folder / "scrubbed.png")
    bpy.ops.heat.preview_stop()
    yield 1.0
    driver.grab(folder / "stopped.png")


def settle(portrait: Any, change: Callable[[], None]) -> driver.Story:
    """Make a change and leave Blender alone until its frame has come, and then some."""
    seen = driver.frames_seen(portrait)
    change()
    yield from driver.wait_until(
        "a frame after the change", lambda: driver.frames_seen(portrait) > seen
    )
    yield 1.5


def key_blink(keys: Any) -> None:
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        for frame, value in ((1, 0.0), (12, 1.0), (20, 0.0)):
            keys[name].value = value
            keys[name].keyframe_insert("value", frame=frame)


def render(given: dict[str, Any], findings: dict[str, Any], portrait: Any) -> driver.Story:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 3, 22
    portrait.output.folder = str(Path(given["folder"]) / "frames")
    portrait.size = 256
    bpy.ops.heat.render("INVOKE_DEFAULT")
    yield from driver.wait_until("the strip", lambda: bool(driver.strips(scene)))
    (strip,) = driver.strips(scene)
    first, end = driver.part("versions").strip_span(strip)
    findings["strip"] = {
        "name": strip.name,
        "type": strip.type,
        "start": first,
        "length": end - first,
        "files": [element.filename for element in strip.elements],
    }
    yield from driver.show_sequencer()
    driver.grab(Path(given["folder"]) / "strip.png")


driver.play(story)
