# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that the backend works on while Blender stays usable, one of a kind a portrait."""

from __future__ import annotations

import logging
import time
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import bridge
from ..data.portraits import find_portrait

log = logging.getLogger(__name__)

_TICK = 0.1
_TELL = 0.5


class BackgroundJob:
    """One job on its way. A kind of job says in `_go_on` what comes next.

    Attributes
    ----------
    uid : str
        Of its portrait.
    state : str
        "running", "done", "failed" or "cancelled".
    message : str
        One line for the user, once it has ended.
    notes : tuple of str
        What else there is to tell.
    what, undo : str
        What the user and what undo call it.
    """

    what = "job"
    undo = "Job"

    def __init__(self, scene_name: str, uid: str) -> None:
        self.uid = uid
        self.state, self.message = "running", ""
        self.notes: tuple[str, ...] = ()
        self._scene_name = scene_name

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state != "running"

    @property
    def fraction(self) -> float:
        """How far the work in hand is, 0..1."""
        raise NotImplementedError

    def line(self) -> str:
        """Return where it stands, in words."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Stop it; nothing has been changed then."""
        raise NotImplementedError

    def _go_on(self) -> None:
        raise NotImplementedError

    def step(self) -> None:
        """Go on where something is ready. Call in Blender's main thread; it never waits."""
        if self.finished:
            return
        try:
            self._go_on()
        except bridge.errors.Cancelled as error:
            self.state, self.message = "cancelled", str(error)
        except bridge.errors.HeatError as error:
            self.state, self.message = "failed", str(error)
        except Exception as error:  # else the job would seem to go on for ever
            log.exception("heat: the %s failed", self.what)
            self.state, self.message = "failed", f"The {self.what} failed: {error}"

    def _place(self) -> tuple[Any, Any]:
        """Return scene and portrait, looked up anew: undo and the user may have replaced them."""
        scene = bpy.data.scenes.get(self._scene_name)
        portrait = find_portrait(scene, self.uid) if scene is not None else None
        if portrait is None:
            raise bridge.errors.BadInput("The portrait is gone: nothing was changed")
        return scene, portrait


class JobList:
    """The jobs of one kind in this Blender."""

    def __init__(self) -> None:
        self._jobs: dict[str, BackgroundJob] = {}

        def on_timer() -> float | None:
            active = [job for job in self._jobs.values() if not job.finished]
            for job in active:
                job.step()
                if job.state == "done":
                    push_undo(f"Heat: {job.undo}")
            _redraw(everything=any(job.finished for job in active))
            return _TICK if any(not job.finished for job in active) else None

        @persistent
        def on_load_pre(*_args: Any) -> None:
            for job in self._jobs.values():
                job.cancel()
            self._jobs.clear()

        self._on_timer, self._on_load_pre = on_timer, on_load_pre

    def of(self, uid: str) -> BackgroundJob | None:
        """Return a portrait's last job in this Blender, ended or not, or None."""
        return self._jobs.get(uid)

    def running(self, uid: str) -> bool:
        """Whether a portrait's job is under way."""
        job = self._jobs.get(uid)
        return job is not None and not job.finished

    def begin(self, job: BackgroundJob) -> None:
        """Take a job in and let a timer see it through."""
        self._jobs[job.uid] = job
        job.step()
        if not bpy.app.background and not bpy.app.timers.is_registered(self._on_timer):
            bpy.app.timers.register(self._on_timer, first_interval=_TICK, persistent=True)

    def cancel(self, uid: str) -> None:
        """Stop a portrait's job, if one runs."""
        job = self._jobs.get(uid)
        if job is not None:
            job.cancel()

    def register(self) -> None:
        """Let jobs end when another file is opened."""
        bpy.app.handlers.load_pre.append(self._on_load_pre)

    def unregister(self) -> None:
        """Cancel all jobs."""
        self._on_load_pre()
        if bpy.app.timers.is_registered(self._on_timer):
            bpy.app.timers.unregister(self._on_timer)
        if self._on_load_pre in bpy.app.handlers.load_pre:
            bpy.app.handlers.load_pre.remove(self._on_load_pre)


def finish(job: BackgroundJob) -> None:
    """Wait for a job's end: for background Blender, where no timer fires. Ctrl-C cancels it."""
    told, when = "", 0.0
    while not job.finished:
        line = job.line()
        if line != told and time.monotonic() - when > _TELL:
            told, when = line, time.monotonic()
            print(f"Heat: {line}", flush=True)
        job.step()
        if not job.finished:
            time.sleep(0.02)


def told(operator: Any, job: BackgroundJob) -> set[str]:
    """See a job through in background Blender, and report what came of it."""
    if bpy.app.background:
        try:
            finish(job)
        except KeyboardInterrupt:
            job.cancel()
            finish(job)
    if job.state in {"failed", "cancelled"}:
        operator.report({"ERROR"}, job.message)
        return {"CANCELLED"}
    if job.state == "done":
        for note in job.notes:
            operator.report({"WARNING"}, note)
        operator.report({"INFO"}, job.message)
    return {"FINISHED"}


def push_undo(message: str) -> None:
    """Let undo step over what a job did, which no operator of the user's wraps."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=message)


def _redraw(*, everything: bool) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if everything:
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
