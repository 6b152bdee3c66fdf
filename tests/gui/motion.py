# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: a voice is read in the background and baked onto the sample rig; undo takes it back."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver

PANELS = ("HEAT_PT_motion", "HEAT_PT_motion_parts", "HEAT_PT_motion_curves")


def story(given: dict[str, Any], findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    driver.install(given)
    yield 0.5
    driver.unfold("panels.motion_panel", PANELS)
    yield from driver.open_tab()
    driver.remove_default_objects()
    bpy.ops.heat.portrait_add(photo=given["photo"])
    bpy.ops.heat.add_sample_rig()
    yield 1.0
    portrait = bpy.context.scene.heat.portraits[0]
    yield from driver.look_at_face(portrait.mesh)
    portrait.motion.path, portrait.motion.life = given["voice"], True
    bpy.context.scene.frame_set(20)
    bpy.ops.ed.undo_push(message="Rig")
    yield 0.5
    jobs = driver.part("jobs.background_jobs")
    bpy.ops.heat.bake_motion("INVOKE_DEFAULT")
    job = jobs.find("motion", portrait.uid)
    findings["in_background"] = not job.finished
    seen = set()
    while not job.finished:
        seen.add(job.line())
        if len(seen) == 2:
            driver.grab(folder / "reading.png")
        yield 0.05
    findings["lines"] = sorted(seen)
    findings["end"] = (job.state, job.message, list(job.notes))
    yield 1.0
    bpy.context.scene.frame_set(40)
    yield 1.0
    driver.grab(folder / "baked.png")
    findings["baked"] = strips()
    findings["sounds"] = len(driver.strips(bpy.context.scene))
    with driver.within(driver.area_of("VIEW_3D")):
        bpy.ops.ed.undo()
    yield 1.0
    findings["undone"] = strips()
    findings["sounds_undone"] = len(driver.strips(bpy.context.scene))


def strips() -> list[tuple[str, float, float]]:
    portrait = bpy.context.scene.heat.portraits[0]
    data = portrait.mesh.data.shape_keys.animation_data
    tracks = data.nla_tracks if data is not None else ()
    return [(s.name, s.frame_start, s.frame_end) for t in tracks for s in t.strips]


driver.play(story)
