# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: a bare home, the zip, one click on Set Up Backend; then preview, bake and render."""

import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver

SETUP_SECONDS, FIRST_USE_SECONDS = 900.0, 300.0  # ends of waits, on a busy machine


def story(given: dict[str, Any], findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    bpy.context.preferences.system.use_online_access = True
    driver.install(given)
    yield 0.5
    before = own_modules()
    yield from set_up(findings)
    findings["own_modules_untouched"] = own_modules() == before
    yield from driver.open_tab()
    driver.remove_default_objects()
    bpy.ops.heat.portrait_add(photo=given["photo"])
    bpy.ops.heat.add_sample_rig()
    yield 1.0
    bpy.ops.heat.auto_map()
    portrait = bpy.context.scene.heat.portraits[0]
    yield from driver.look_at_face(portrait.mesh)
    driver.grab(folder / "before.png")
    yield from preview(findings, portrait)
    driver.grab(folder / "live.png")
    bpy.ops.heat.preview_stop()
    yield from bake(given, findings, portrait)
    yield from render(given, findings, portrait)


def own_modules() -> dict[str, tuple[int, int]]:
    """Size and time of every file in the folders that Blender's Python imports packages from."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    folders |= {Path(entry) for entry in sys.path if entry.endswith("-packages")}
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                told = path.stat()
                found[str(path)] = (told.st_size, told.st_mtime_ns)
    return found


def set_up(findings: dict[str, Any]) -> driver.Story:
    jobs = driver.part("jobs.background_jobs")
    began = time.monotonic()
    bpy.ops.heat.setup_backend("EXEC_DEFAULT")
    job = jobs.find("setup")
    if job is None:
        raise RuntimeError(f"it did not begin: {driver.part('jobs.setup_job').problems()}")
    yield from driver.wait_until("the end of the set-up", lambda: job.finished, SETUP_SECONDS)
    findings["setup"] = (job.state, job.message)
    findings["setup_seconds"] = time.monotonic() - began
    if job.state != "done":
        raise RuntimeError(job.message)


def preview(findings: dict[str, Any], portrait: Any) -> driver.Story:
    began = time.monotonic()
    bpy.ops.heat.preview_start()
    yield from driver.wait_until(
        "the first frame of the preview",
        lambda: driver.frames_seen(portrait) > 0,
        FIRST_USE_SECONDS,
    )
    findings["first_frame_seconds"] = time.monotonic() - began
    findings["interpreter"] = str(Path(f"/proc/{driver.backend_pid()}/exe").readlink())
    findings["own_interpreter"] = str(Path(sys.executable).resolve())
    yield 1.0


def bake(given: dict[str, Any], findings: dict[str, Any], portrait: Any) -> driver.Story:
    portrait.motion.path = given["voice"]
    bpy.ops.heat.bake_motion("INVOKE_DEFAULT")
    job = driver.part("jobs.background_jobs").find("motion", portrait.uid)
    yield from driver.wait_until("the voice's keys", lambda: job.finished, FIRST_USE_SECONDS)
    findings["baked"] = (job.state, job.message)


def render(given: dict[str, Any], findings: dict[str, Any], portrait: Any) -> driver.Story:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 10, 19
    portrait.output.folder = str(Path(given["folder"]) / "frames")
    portrait.size = 256
    earlier = len(driver.strips(scene))  # the voice's own sound
    bpy.ops.heat.render("INVOKE_DEFAULT")
    yield from driver.wait_until(
        "the strip", lambda: len(driver.strips(scene)) > earlier, FIRST_USE_SECONDS
    )
    findings["frames"] = len(list((Path(given["folder"]) / "frames").rglob("*.png")))


driver.play(story)
