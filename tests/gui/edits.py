# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: the face is edited live; keyed edits follow the playhead, undo takes one back."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver

GROUPS = ("shape", "skin", "features", "light", "attributes", "raw")
PANELS = ("HEAT_PT_edit", *(f"HEAT_PT_edit_{group}" for group in GROUPS))


def story(given: dict[str, Any], findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    driver.install(given)
    yield 0.5
    driver.unfold("panels.edit_panel", PANELS)
    yield from driver.open_tab()
    driver.remove_default_objects()
    bpy.ops.heat.portrait_add(photo=given["photo"])
    bpy.ops.heat.add_sample_rig()
    yield 1.0
    scene = bpy.context.scene
    portrait = scene.heat.portraits[0]
    yield from driver.look_at_face(portrait.mesh)
    driver.area_of("VIEW_3D").spaces.active.shading.color_type = "VERTEX"
    bpy.ops.heat.preview_start()
    yield from driver.wait_until("the first frame", lambda: driver.frames_seen(portrait) > 0)
    findings["plain"] = brightness(portrait)
    portrait.edits.light_amount = 1.0
    bpy.ops.ed.undo_push(message="Light")
    yield from driver.wait_until("brighter", lambda: brightness(portrait) > findings["plain"] + 3)
    findings["edited"] = brightness(portrait)
    seen = driver.frames_seen(portrait)
    portrait.edits.hair_lightness, portrait.edits.jaw_width = -1.8, 1.0
    portrait.edits.skin_warmth, portrait.edits.light_direction_yaw = 1.0, 25.0
    portrait.edits.light_amount, portrait.preview.size = 0.2, 400
    yield from driver.wait_until("the look", lambda: driver.frames_seen(portrait) > seen)
    yield 1.5
    driver.grab(folder / "edited.png")
    bpy.ops.heat.edit_before_after()
    yield from driver.wait_until("before", lambda: brightness(portrait) == findings["plain"])
    driver.grab(folder / "before.png")
    bpy.ops.heat.edit_attribute_add(attribute="age")
    bpy.ops.heat.edit_before_after()
    yield from driver.wait_until("after", lambda: brightness(portrait) != findings["plain"])
    yield from keyed(findings, portrait)
    driver.grab(folder / "keyed.png")


def keyed(findings: dict[str, Any], portrait: Any) -> driver.Story:
    """Key the light, look at two frames, and take back what was last done."""
    bpy.ops.heat.edit_reset()
    for frame, value in ((1, 0.0), (20, 1.0)):
        portrait.edits.light_amount = value
        portrait.edits.keyframe_insert("light_amount", frame=frame)
    bpy.ops.ed.undo_push(message="Keys")
    for frame in (1, 20):
        bpy.context.scene.frame_set(frame)
        yield 2.0
        findings[f"frame {frame}"] = brightness(portrait)
    portrait.edits.jaw_width = 3.0
    bpy.ops.ed.undo_push(message="Jaw")
    yield 0.5
    with driver.within(driver.area_of("VIEW_3D")):
        bpy.ops.ed.undo()
    yield 1.0
    findings["undone"] = bpy.context.scene.heat.portraits[0].edits.jaw_width


def brightness(portrait: Any) -> float:
    session = driver.part("preview.sessions").session_of(portrait.uid)
    return float(session.frame.pixels[..., :3].mean())


driver.play(story)
