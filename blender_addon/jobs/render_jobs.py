# SPDX-License-Identifier: GPL-3.0-or-later
"""The renders of this Blender, one a portrait, and the timer that moves them on."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.handlers import persistent

from .. import bridge
from ..backend import choose, status_lines
from ..core.takes import take
from ..data import portraits
from ..data.portraits import find_portrait
from .machine import push_undo

if TYPE_CHECKING:
    from .render_job import RenderTask

_TICK = 0.03
_REDRAW = 0.25
_TELL = 0.5
_tasks: dict[str, RenderTask] = {}
_drawn = 0.0


def task_of(uid: str) -> RenderTask | None:
    """Return the last render of a portrait in this Blender, finished or not, or None."""
    return _tasks.get(uid)


def running(uid: str) -> bool:
    """Whether a portrait is being rendered."""
    task = _tasks.get(uid)
    return task is not None and not task.finished


def reason_against(scene: Any, portrait: Any) -> str | None:
    """Return why a portrait cannot be rendered now, in a line, or None."""
    if running(portrait.uid):
        return "This portrait is being rendered"
    wrong = portraits.photo_complaint(portrait)
    if wrong:
        return wrong
    if portrait.mesh is None and portrait.armature is None:
        return "Pick a face mesh or an armature"
    if not portrait.key_rows and not portrait.bone_rows:
        return "The rig map has no rows yet: use Auto-Map"
    first, last = portraits.frame_range(scene, portrait)
    if last < first:
        return f"The last frame ({last}) is before the first ({first})"
    return _folder_complaint(portrait) or status_lines.missing()


def unfinished(portrait: Any) -> Path | None:
    """Return the record of a take that can be resumed, or None."""
    text = portrait.output.state_path
    if not text or running(portrait.uid):
        return None
    path = Path(bpy.path.abspath(text))
    return path if path.is_file() else None


def start(scene: Any, portrait: Any) -> RenderTask:
    """Begin to render a portrait's performance.

    Raises
    ------
    HeatError
        Something is missing; the message says what.
    """
    from ..scene import range_sampling, take_strip
    from . import render_job

    reason = reason_against(scene, portrait)
    if reason:
        raise bridge.errors.BadInput(reason)
    source = portraits.portrait_source(portrait)
    owner = choose.ready()
    rate: Fraction = range_sampling.scene_fps(scene)
    first, last = portraits.frame_range(scene, portrait)
    folder = Path(bpy.path.abspath(portrait.output.folder))
    files = take.next_take(folder, portrait.name, portrait.output.file_format == "MP4")
    options = portraits.engine_options(portrait, portrait.size)
    record = take.TakeRecord(
        uid=portrait.uid,
        portrait=portrait.name,
        out=files.out.name,
        motion=files.motion.name,
        first=first,
        last=last,
        fps=(rate.numerator, rate.denominator),
        engine=portrait.engine,
        options=dict(vars(options)),
    )
    files.record.parent.mkdir(parents=True, exist_ok=True)
    portrait.output.state_path = take_strip.relative(files.record)
    return _begin(render_job.RenderTask(scene.name, record, files, source, owner.client))


def resume(scene: Any, portrait: Any) -> RenderTask:
    """Go on with a portrait's unfinished take; no finished frame is rendered again.

    Raises
    ------
    HeatError
        There is none, or something is missing.
    """
    from . import render_job

    path = unfinished(portrait)
    if path is None:
        raise bridge.errors.BadInput("There is no unfinished take to resume")
    record = take.load_record(path)
    if record.uid != portrait.uid:
        raise bridge.errors.BadInput("The unfinished take belongs to another portrait")
    source = render_job.photo_of(scene, record.uid)
    owner = choose.ready()
    files = render_job.take_files(path, record)
    return _begin(
        render_job.RenderTask(scene.name, record, files, source, owner.client, sampled=True)
    )


def cancel(uid: str) -> None:
    """Cancel a portrait's render, if one runs."""
    task = _tasks.get(uid)
    if task is not None and not task.finished:
        task.cancel()


def finish(task: RenderTask) -> None:
    """Move a render on until it ends: for background Blender, where no timer fires.

    Its progress is printed, as Blender prints that of its own renders there.
    """
    told, when = "", 0.0
    while not task.finished:
        task.step()
        line = task.line()
        if line != told and not task.finished and time.monotonic() - when > _TELL:
            told, when = line, time.monotonic()
            print(f"Heat: {line}", flush=True)
        if task.state == "rendering":
            time.sleep(0.01)
    _after(task)


def _begin(task: RenderTask) -> RenderTask:
    _tasks[task.record.uid] = task
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=0.0, persistent=True)
    return task


def _on_timer() -> float | None:
    active = [task for task in _tasks.values() if not task.finished]
    for task in active:
        task.step()
        if task.finished:
            _after(task)
    _redraw_panels(at_once=any(task.finished for task in active))
    return _TICK if any(not task.finished for task in active) else None


def _after(task: RenderTask) -> None:
    """Forget the unfinished take once it is finished, and let undo step over the new strip."""
    if task.state != "done":
        return
    for scene in bpy.data.scenes:
        portrait = find_portrait(scene, task.record.uid)
        if portrait is not None:
            portrait.output.state_path = ""
    push_undo("Heat: Render to Sequencer")


def _redraw_panels(*, at_once: bool) -> None:
    global _drawn
    now = time.monotonic()
    if not at_once and now - _drawn < _REDRAW:
        return
    _drawn = now
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif at_once and area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


def _folder_complaint(portrait: Any) -> str | None:
    folder = portrait.output.folder
    if not folder:
        return "Choose an output folder"
    if folder.startswith("//") and not bpy.data.is_saved:
        return "Save the .blend first, or choose an output folder elsewhere"
    return None


@persistent
def _on_load_pre(*_args: Any) -> None:
    for task in _tasks.values():
        if not task.finished:
            task.cancel()
    _tasks.clear()


def register() -> None:
    """Let a render end when another file is opened."""
    bpy.app.handlers.load_pre.append(_on_load_pre)


def unregister() -> None:
    """Cancel all renders."""
    _on_load_pre()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
    if _on_load_pre in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_on_load_pre)
