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
    from .motion_command import ClipOrder
    from .motion_source import MotionSource
    from .plan_run import ClipFiles, PlanRun
    from .reading import Reading

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
        orders: tuple[ClipOrder, ...],
        reading: Reading,
    ) -> None:
        self.uid = uid
        self.state, self.message = "running", ""
        self.notes: tuple[str, ...] = ()
        self._scene_name, self._source, self._orders = scene_name, source, orders
        self._reading = reading
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
        return self._reading.status.fraction

    def line(self) -> str:
        """Return where it stands, in words."""
        if self.finished:
            return self.message
        return "Fitting the curves" if self._planning is not None else self._reading.status.text

    def cancel(self) -> None:
        """Stop it; nothing has been baked then."""
        self._reading.cancel()
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
        status = self._reading.step()
        if status.state in {"failed", "cancelled"}:
            self.state, self.message = status.state, status.text
        if status.state != "done":
            return
        _, portrait = self._place()
        files = self._files(portrait)
        self._planning = PlanRun(baking.order_for(portrait, self._source, files.begin), files)

    def _files(self, portrait: Any) -> ClipFiles:
        from .plan_run import ClipFiles

        if not self._orders:
            return ClipFiles(self._source.path)
        first, *more = self._orders
        voice = more[0].out if more else None
        return ClipFiles(first.out, first.begin, voice, portrait.motion.voice_share)

    def _write(self, plan: BakePlan) -> None:
        from . import baking, voice_strip

        scene, portrait = self._place()
        baked = baking.write(portrait, self._source, plan)
        told = self._reading.notes
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
    from .. import bridge
    from . import baking, motion_source

    if running(portrait.uid):
        raise bridge.errors.BadInput("The motion of this portrait is being read")
    wrong = baking.complaint(portrait)
    if wrong:
        raise bridge.errors.BadInput(wrong)
    source = motion_source.source_of(scene, portrait)
    orders = _orders(scene, portrait, source)
    job = MotionJob(scene.name, portrait.uid, source, orders, _reading(orders))
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


def _orders(scene: Any, portrait: Any, source: MotionSource) -> tuple[ClipOrder, ...]:
    """Return the clips that a source needs, the face's first."""
    from .. import data_folder
    from ..rig.range_sampling import scene_fps
    from . import motion_command
    from .motion_source import BOTH, FACE, VOICE

    folder, settings = data_folder.path() / "motion", portrait.motion
    orders = []
    if source.kind in {FACE, BOTH}:
        span = (source.begin, source.end)
        orders.append(motion_command.film_order(folder, source.path, *span, settings.face))
    if source.kind in {VOICE, BOTH}:
        fps, life = str(scene_fps(scene)), settings.life and source.kind == VOICE
        orders.append(motion_command.voice_order(folder, source.path, fps, settings.style, life))
    return tuple(orders)


def _reading(orders: tuple[ClipOrder, ...]) -> Reading:
    from .. import data_folder
    from ..backend import choose
    from . import motion_command
    from .reading import Reading

    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    if not all(order.out.is_file() for order in orders):  # else no backend is needed
        program = choose.command(_ELSEWHERE)
        command, environment = program.command, choose.whole_environment(program)
        data_folder.make()
        for order in orders:
            order.out.parent.mkdir(parents=True, exist_ok=True)
    return Reading(orders, lambda order: motion_command.ClipRun(command, environment, order))


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
