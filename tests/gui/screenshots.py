# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: what the README shows, taken from the screen."""

import sys
from math import radians
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver

POSE = {
    "jawOpen": 0.35,
    "mouthSmileLeft": 0.2,
    "mouthSmileRight": 0.2,
    "browInnerUp": 0.6,
    "browOuterUpLeft": 0.5,
    "browOuterUpRight": 0.5,
    "mouthFunnel": 0.2,
}


def story(given: dict[str, Any], _findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    driver.install(given)
    yield 0.5
    yield from driver.open_tab()
    driver.remove_default_objects()
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(given["photo"]).with_name("shot.blend")))
    bpy.ops.heat.portrait_add(photo="//" + Path(given["photo"]).name)
    bpy.ops.heat.add_sample_rig()
    bpy.ops.heat.fix_view_transform()
    portrait = bpy.context.scene.heat.portraits[0]
    yield from driver.look_at_face(portrait.mesh)
    driver.area_of("VIEW_3D").spaces.active.shading.color_type = "VERTEX"
    portrait.preview.size = 400
    bpy.ops.heat.preview_start()
    yield from driver.wait_until("the first frame", lambda: driver.frames_seen(portrait) > 0)
    pose(portrait)
    yield 3.0
    driver.grab(folder / "preview.png")
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 24
    portrait.output.folder = "//frames"
    bpy.ops.heat.render("INVOKE_DEFAULT")
    yield from driver.wait_until("the strip", lambda: bool(driver.strips(scene)))
    bpy.ops.heat.preview_stop()
    scene.frame_set(12)
    yield from driver.show_sequencer()
    driver.grab(folder / "render.png")


def pose(portrait: Any) -> None:
    """Say "oh": brows up, and the head a little to the side."""
    keys = portrait.mesh.data.shape_keys.key_blocks
    for name, value in POSE.items():
        keys[name].value = value
    bone = portrait.armature.pose.bones[portrait.head_bone]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.0, radians(10), 0.0)


driver.play(story)
