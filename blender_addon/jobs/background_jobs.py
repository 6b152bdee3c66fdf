# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that go on while Blender stays usable: one registry, one timer, one redraw for all kinds.

A job's own work runs elsewhere (another process, a thread) or in small steps; `Job.advance`, called
by the timer in Blender's main thread, takes its results. Background Blender has no timers: there an
operator calls `wait`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import bpy
from bpy.app.handlers import persistent

from .. import bridge
from ..backend.clip_command import ClipRuns
from ..backend.command import CANCELLED, DONE, FAILED, RUNNING, CommandRun
from ..core.setup.setup_run import SetupRun
from ..data.portraits import find_portrait
from ..scene import redraw

log = logging.getLogger(__name__)

Kind = Literal[
    "render",
    "motion",
    "face",
    "setup",
    "removal",
    "weights",
    "weights list",
    "attributes",
    "doctor",
]

_REDRAW_SECONDS = 0.25  # between two redraws of the progress: four a second read as continuous
_PRINT_SECONDS = 0.5  # between two lines printed in background Blender
_REST_SECONDS = 0.01  # between two steps in background Blender; a step that took as long goes on


class Job:
    """One job under way.

    Attributes
    ----------
    kind : Kind
        What it does; there is at most one job per kind and portrait.
    uid : str
        Identifier of its portrait; "" for a job of no portrait, which survives opening a file.
    state : str
        RUNNING, DONE, FAILED or CANCELLED.
    message : str
        One line for the user, once it has ended.
    notes : tuple of str
        Further lines for the user.
    title : str
        What messages call it.
    undo : str
        Its entry in the undo history once it is done; "" for none.
    interval : float
        Seconds between two steps.
    end_drawn : bool
        Whether Blender's windows were redrawn since it ended.
    """

    kind: Kind
    title = "job"
    undo = ""
    interval = 0.1

    def __init__(self, uid: str = "") -> None:
        self.uid = uid
        self.state, self.message = RUNNING, ""
        self.notes: tuple[str, ...] = ()
        self.end_drawn = False

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state != RUNNING

    @property
    def fraction(self) -> float:
        """How much of the work in hand is done, 0..1."""
        return 0.0

    def progress_line(self) -> str:
        """Return what it is doing, in words; called while it runs."""
        return ""

    def line(self) -> str:
        """Return its state in words."""
        return self.message if self.finished else self.progress_line()

    def cancel(self) -> None:
        """Ask it to stop; `state` changes at one of the next steps."""
        self.end(CANCELLED, "Cancelled")

    def advance(self) -> None:
        """Do what can be done now without waiting, and call `end` once nothing is left.

        Raises
        ------
        HeatError, OSError
            The job has failed; the message says why.
        """
        raise NotImplementedError

    def ended(self) -> None:
        """Do what follows the end, in Blender's main thread."""

    def end(self, state: str, message: str) -> None:
        """End it; `message` is for the user."""
        if not self.finished:
            self.state, self.message = state, message

    def step(self) -> None:
        """Advance it and note its end. Call in Blender's main thread; it never waits."""
        if self.finished:
            return
        try:
            self.advance()
        except bridge.errors.Cancelled as error:
            self.end(CANCELLED, str(error))
        except bridge.errors.HeatError as error:
            self.end(FAILED, str(error))
        except OSError as error:
            self.end(FAILED, os_error_line(error))
        except Exception as error:  # else the job would seem to go on for ever
            log.exception("heat: the %s failed", self.title)
            self.end(FAILED, f"The {self.title} failed: {error}")
        if self.finished:
            self.ended()
            if self.state == DONE and self.undo:
                _push_undo(f"Heat: {self.undo}")


Run = CommandRun | ClipRuns | SetupRun
"""A process under way: `status` has its state, fraction and line of this moment."""


class RunJob(Job):
    """A job that follows a process; a subclass says in `complete` what comes after it."""

    def __init__(self, run: Run, uid: str = "") -> None:
        super().__init__(uid)
        self.run = run

    @property
    def fraction(self) -> float:
        """How much of the process's work is done, 0..1."""
        return self.run.status.fraction

    def progress_line(self) -> str:
        """Return the line of the process."""
        return self.run.status.text

    def cancel(self) -> None:
        """Stop the process."""
        self.run.cancel()

    def advance(self) -> None:
        """Take over the end of the process."""
        status = self.run.status
        if status.state == DONE:
            self.complete()
        elif status.state != RUNNING:
            self.end(status.state, status.text)

    def complete(self) -> None:
        """Go on after the process ended well; called at each step until the job has ended."""
        self.end(DONE, self.run.status.text)


class QueryJob(Job):
    """A job that asks the backend something in a thread; `receive` gets the answer."""

    interval = 0.25

    def __init__(self, query: Callable[[], Any], uid: str = "") -> None:
        super().__init__(uid)
        self._query = query
        self._answer: Any = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="heat-query", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._query()
        except Exception as error:  # raised again in the main thread
            self._error = error

    def advance(self) -> None:
        """Hand the answer over once it is here."""
        if self._thread.is_alive():
            return
        if self._error is not None:
            raise self._error
        self.receive(self._answer)
        self.end(DONE, "")

    def receive(self, answer: Any) -> None:
        """Take the answer, in Blender's main thread."""
        raise NotImplementedError


_jobs: dict[tuple[Kind, str], Job] = {}
_drawn = 0.0


def find(kind: Kind, uid: str = "") -> Any:
    """Return the last job of a kind, of a portrait or of none, ended or not; None without one."""
    return _jobs.get((kind, uid))


def running(kind: Kind, uid: str = "") -> bool:
    """Return whether a job of a kind is under way."""
    job = _jobs.get((kind, uid))
    return job is not None and not job.finished


def start(job: Job) -> None:
    """Register a job in place of the last one of its kind, and let the timer advance it."""
    _jobs[job.kind, job.uid] = job
    job.step()
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=job.interval, persistent=True)


def cancel(kind: Kind, uid: str = "") -> None:
    """Ask a job to stop, if one is under way."""
    job = _jobs.get((kind, uid))
    if job is not None and not job.finished:
        job.cancel()


def clear(*, of_portraits: bool = False) -> None:
    """Cancel and forget all jobs, or only those of portraits."""
    for key, job in list(_jobs.items()):
        if job.uid or not of_portraits:
            cancel(*key)
            del _jobs[key]


def wait(job: Job) -> None:
    """Advance a job until it ends, printing its progress in background Blender.

    Ctrl-C cancels it.
    """
    printed, when = "", 0.0
    while not job.finished:
        try:
            began = time.monotonic()
            job.step()
            line = "" if job.finished else job.line()
            if bpy.app.background and line not in {"", printed} and began - when > _PRINT_SECONDS:
                printed, when = line, began
                print(f"Heat: {line}", flush=True)
            if time.monotonic() - began < _REST_SECONDS and not job.finished:
                time.sleep(_REST_SECONDS)
        except KeyboardInterrupt:
            job.cancel()


def report_outcome(operator: Any, job: Job) -> set[str]:
    """Return an operator's result for the job it started; background Blender waits for its end."""
    if bpy.app.background:
        wait(job)
    if job.state in {FAILED, CANCELLED}:
        operator.report({"ERROR"}, job.message)
        return {"CANCELLED"}
    if job.state == DONE:
        for note in job.notes:
            operator.report({"WARNING"}, note)
        if job.message:
            operator.report({"INFO"}, job.message)
    return {"FINISHED"}


def os_error_line(error: OSError) -> str:
    """Return an operating system's error as one line: its text and the file it is about."""
    return f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")


def scene_and_portrait(scene_name: str, uid: str) -> tuple[Any, Any]:
    """Return a job's scene and portrait, looked up anew: undo and the user may replace them.

    Raises
    ------
    BadInput
        One of them is gone.
    """
    scene = bpy.data.scenes.get(scene_name)
    portrait = find_portrait(scene, uid) if scene is not None else None
    if portrait is None:
        raise bridge.errors.BadInput("The portrait is gone: nothing was changed")
    return scene, portrait


def _push_undo(message: str) -> None:
    """Let undo step over what a job did, which no operator of the user's wraps."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=message)


def _on_timer() -> float | None:
    global _drawn
    jobs = list(_jobs.values())
    for job in jobs:
        job.step()
    ends = [job for job in jobs if job.finished and not job.end_drawn]
    now = time.monotonic()
    if ends:
        redraw.everything()
    elif now - _drawn >= _REDRAW_SECONDS:
        redraw.progress()
        _drawn = now
    for job in ends:
        job.end_drawn = True
    return min((job.interval for job in _jobs.values() if not job.finished), default=None)


@persistent
def _on_load_pre(*_args: Any) -> None:
    clear(of_portraits=True)


def register() -> None:
    """Let the jobs of portraits end when another file is opened."""
    bpy.app.handlers.load_pre.append(_on_load_pre)


def unregister() -> None:
    """Cancel all jobs."""
    clear()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
    if _on_load_pre in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_on_load_pre)
