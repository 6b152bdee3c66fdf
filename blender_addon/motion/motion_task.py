# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion jobs of this Blender, one a portrait: the backend reads, then the rig is baked."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.handlers import persistent

from ..properties import find_portrait

if TYPE_CHECKING:
    from .bake_plan import BakePlan
    from .motion_command import ClipOrder, ClipRun
    from .motion_source import MotionSource
    from .plan_run import PlanRun

log = logging.getLogger(__name__)

_TICK = 0.1
_TELL = 0.5
_ELSEWHERE = (
    "The backend is another machine's: run `heat track` or `heat speak` there, and choose the "
    ".npz that it writes as the file"
)
_jobs: dict[str, MotionJob] = {}


class MotionJob:
    """One bake on its way: the backend reads, a thread plans, Blender's main thread writes.

    Attributes
    ----------
    state : str
        "running", "done", "failed" or "cancelled".
    message : str
        One line for the user, once it has ended.
    notes : tuple of str
        What else there is to tell.
    """

    def __init__(
        self,
        scene_name: str,
        uid: str,
        source: MotionSource,
        order: ClipOrder | None,
        run: ClipRun | None,
    ) -> None:
        self.uid = uid
        self.state, self.message = "running", ""
        self.notes: tuple[str, ...] = ()
        self._scene_name, self._source, self._order = scene_name, source, order
        self._run = run
        self._planning: PlanRun | None = None

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state != "running"

    @property
    def fraction(self) -> float:
        """How far the work in hand is, 0..1."""
        if self._planning is not None:
            return self._planning.fraction
        return self._run.status.fraction if self._run is not None else 0.0

    def line(self) -> str:
        """Return where it stands, in words."""
        if self.finished:
            return self.message
        if self._planning is not None or self._run is None:
            return "Fitting the curves"
        return self._run.status.text

    def cancel(self) -> None:
        """Stop it; nothing has been baked then."""
        if self._run is not None:
            self._run.cancel()
        if self._planning is not None:
            self._planning.cancel()

    def step(self) -> None:
        """Go on where something is ready. Call in Blender's main thread; it never waits."""
        from .. import bridge

        if self.finished:
            return
        try:
            self._go_on()
        except bridge.errors.Cancelled as error:
            self.state, self.message = "cancelled", str(error)
        except bridge.errors.HeatError as error:
            self.state, self.message = "failed", str(error)
        except Exception as error:  # else the job would seem to go on for ever
            log.exception("heat: the bake failed")
            self.state, self.message = "failed", f"The bake failed: {error}"

    def _go_on(self) -> None:
        from . import baking
        from .plan_run import PlanRun

        if self._planning is not None:
            if self._planning.finished:
                self._write(self._planning.result())
            return
        if self._run is not None:
            status = self._run.status
            if status.state in {"failed", "cancelled"}:
                self.state, self.message = status.state, status.text
            if status.state != "done":
                return
        order = self._order
        _, portrait = self._place()
        what = baking.order_for(portrait, self._source, order.begin if order is not None else 0.0)
        clip = order.out if order is not None else self._source.path
        self._planning = PlanRun(what, clip)

    def _write(self, plan: BakePlan) -> None:
        from . import baking, voice_strip

        scene, portrait = self._place()
        baked = baking.write(portrait, self._source, plan)
        told = self._run.notes if self._run is not None else ()
        if portrait.motion.add_sound:
            note = voice_strip.add(scene, self._source, baked.first, baked.frames)
            told = (*told, note) if note else told
        self.state, self.message = "done", baked.line()
        self.notes = (*baked.notes, *told)

    def _place(self) -> tuple[Any, Any]:
        """Return scene and portrait, looked up anew: undo and the user may have replaced them."""
        from .. import bridge

        scene = bpy.data.scenes.get(self._scene_name)
        portrait = find_portrait(scene, self.uid) if scene is not None else None
        if portrait is None:
            raise bridge.errors.BadInput("The portrait is gone: nothing was baked")
        return scene, portrait


def job_of(uid: str) -> MotionJob | None:
    """Return the last bake of a portrait in this Blender, ended or not, or None."""
    return _jobs.get(uid)


def running(uid: str) -> bool:
    """Whether a portrait's motion is being read."""
    job = _jobs.get(uid)
    return job is not None and not job.finished


def start(scene: Any, portrait: Any) -> MotionJob:
    """Begin to read a portrait's source, or to plan at once where its clip is here already.

    Raises
    ------
    HeatError
        Something is missing; the message says what.
    """
    from .. import bridge, data_folder
    from ..backend import choose
    from . import baking, motion_command, motion_source

    if running(portrait.uid):
        raise bridge.errors.BadInput("The motion of this portrait is being read")
    wrong = baking.complaint(portrait)
    if wrong:
        raise bridge.errors.BadInput(wrong)
    source = motion_source.source_of(scene, portrait)
    order = _order(scene, portrait, source)
    run = None
    if order is not None and not order.out.is_file():
        program = choose.command(_ELSEWHERE)
        data_folder.make()
        order.out.parent.mkdir(parents=True, exist_ok=True)
        environment = choose.whole_environment(program)
        run = motion_command.ClipRun(program.command, environment, order)
    job = MotionJob(scene.name, portrait.uid, source, order, run)
    _jobs[portrait.uid] = job
    job.step()
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=_TICK, persistent=True)
    return job


def cancel(uid: str) -> None:
    """Stop a portrait's job, if one runs."""
    job = _jobs.get(uid)
    if job is not None:
        job.cancel()


def finish(job: MotionJob) -> None:
    """Wait for a job and bake: for background Blender, where no timer fires."""
    told, when = "", 0.0
    while not job.finished:
        line = job.line()
        if line != told and time.monotonic() - when > _TELL:
            told, when = line, time.monotonic()
            print(f"Heat: {line}", flush=True)
        job.step()
        if not job.finished:
            time.sleep(0.02)


def _order(scene: Any, portrait: Any, source: MotionSource) -> ClipOrder | None:
    from .. import data_folder
    from ..rig.range_sampling import scene_fps
    from . import motion_command
    from .motion_source import CLIP, FACE

    folder, settings = data_folder.path() / "motion", portrait.motion
    if source.kind == CLIP:
        return None
    if source.kind == FACE:
        return motion_command.film_order(
            folder, source.path, source.begin, source.end, settings.face
        )
    fps = str(scene_fps(scene))
    return motion_command.voice_order(folder, source.path, fps, settings.style, settings.life)


def _on_timer() -> float | None:
    active = [job for job in _jobs.values() if not job.finished]
    for job in active:
        job.step()
        if job.finished:
            _after(job)
    _redraw(everything=any(job.finished for job in active))
    return _TICK if any(not job.finished for job in active) else None


def _after(job: MotionJob) -> None:
    from . import baking

    if job.state == "done":
        baking.push_undo()


def _redraw(*, everything: bool) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if everything:
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


@persistent
def _on_load_pre(*_args: Any) -> None:
    for job in _jobs.values():
        job.cancel()
    _jobs.clear()


def register() -> None:
    """Let a job end when another file is opened."""
    bpy.app.handlers.load_pre.append(_on_load_pre)


def unregister() -> None:
    """Cancel all jobs."""
    _on_load_pre()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
    if _on_load_pre in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_on_load_pre)
