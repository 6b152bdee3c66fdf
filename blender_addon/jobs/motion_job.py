# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion jobs of this Blender, one a portrait: the backend reads, then the rig is baked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import bridge
from ..backend import choose, clip_command
from ..backend.clip_command import Reading
from ..data import preferences
from .machine import BackgroundJob, JobList

if TYPE_CHECKING:
    from ..backend.clip_command import ClipOrder, Reading
    from ..core.motion.bake_plan import BakePlan, ClipFiles, PlanRun
    from ..scene.motion_source import MotionSource

_ELSEWHERE = (
    "The backend is another machine's: run `heat track` or `heat speak` there, and choose the "
    ".npz that it writes as the file"
)


class MotionJob(BackgroundJob):
    """One bake on its way: the backend reads, a thread plans, Blender's main thread writes."""

    what = "bake"
    undo = "Bake Motion"

    def __init__(
        self,
        scene_name: str,
        uid: str,
        source: MotionSource,
        orders: tuple[ClipOrder, ...],
        reading: Reading,
    ) -> None:
        super().__init__(scene_name, uid)
        self._source, self._orders, self._reading = source, orders, reading
        self._planning: PlanRun | None = None

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

    def _go_on(self) -> None:
        from ..core.motion.bake_plan import PlanRun
        from ..scene import baking

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
        from ..core.motion.bake_plan import ClipFiles

        if not self._orders:
            return ClipFiles(self._source.path)
        first, *more = self._orders
        voice = more[0].out if more else None
        return ClipFiles(first.out, first.begin, voice, portrait.motion.voice_share)

    def _write(self, plan: BakePlan) -> None:
        from ..scene import baking, motion_source

        scene, portrait = self._place()
        baked = baking.write(portrait, self._source, plan)
        told = self._reading.notes
        if portrait.motion.add_sound:
            note = motion_source.add_sound_strip(scene, self._source, baked.first, baked.frames)
            told = (*told, note) if note else told
        self.state, self.message = "done", baked.line()
        self.notes = (*baked.notes, *told)


_jobs = JobList()
job_of, running, cancel = _jobs.of, _jobs.running, _jobs.cancel
register, unregister = _jobs.register, _jobs.unregister


def start(scene: Any, portrait: Any) -> MotionJob:
    """Begin to read a portrait's source, or to plan at once where its clip is here already.

    Raises
    ------
    HeatError
        Something is missing; the message says what.
    """
    from ..scene import baking, motion_source

    if running(portrait.uid):
        raise bridge.errors.BadInput("The motion of this portrait is being read")
    wrong = baking.complaint(portrait)
    if wrong:
        raise bridge.errors.BadInput(wrong)
    source = motion_source.source_of(scene, portrait)
    orders = _orders(scene, portrait, source)
    job = MotionJob(scene.name, portrait.uid, source, orders, _reading(orders))
    _jobs.begin(job)
    return job


def _orders(scene: Any, portrait: Any, source: MotionSource) -> tuple[ClipOrder, ...]:
    """Return the clips that a source needs, the face's first."""
    from ..scene.motion_source import BOTH, FACE, VOICE
    from ..scene.range_sampling import scene_fps

    folder, settings = preferences.data_folder() / "motion", portrait.motion
    orders = []
    if source.kind in {FACE, BOTH}:
        span = (source.begin, source.end)
        orders.append(clip_command.film_order(folder, source.path, *span, settings.face))
    if source.kind in {VOICE, BOTH}:
        fps, life = str(scene_fps(scene)), settings.life and source.kind == VOICE
        orders.append(clip_command.voice_order(folder, source.path, fps, settings.style, life))
    return tuple(orders)


def _reading(orders: tuple[ClipOrder, ...]) -> Reading:
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    if not all(order.out.is_file() for order in orders):  # else no backend is needed
        program = choose.command(_ELSEWHERE)
        command, environment = program.command, choose.whole_environment(program)
        preferences.make_data_folder()
        for order in orders:
            order.out.parent.mkdir(parents=True, exist_ok=True)
    return Reading(orders, lambda order: clip_command.ClipRun(command, environment, order))
