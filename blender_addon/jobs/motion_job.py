# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes of motion onto a rig: the backend reads a video or a voice, then keyframes are set."""

from __future__ import annotations

from typing import Any

from .. import bridge
from ..backend import choose, clip_command
from ..backend.clip_command import ClipOrder, ClipRuns
from ..core.motion.bake_plan import BakePlan, ClipFiles, PlanRun
from ..data import preferences
from ..scene import baking, motion_source
from ..scene.motion_source import BOTH, FACE, VOICE, MotionSource
from ..scene.range_sampling import scene_fps
from . import background_jobs
from .background_jobs import DONE, RunJob, scene_and_portrait

_ELSEWHERE = (
    "The backend is another machine's: run `heat track` or `heat speak` there, and choose the "
    ".npz that it writes as the file"
)


class MotionJob(RunJob):
    """One bake: the backend reads, a thread plans the curves, Blender's main thread writes them."""

    kind = "motion"
    title = "bake"
    undo = "Bake Motion"
    run: ClipRuns

    def __init__(
        self,
        scene_name: str,
        uid: str,
        source: MotionSource,
        orders: tuple[ClipOrder, ...],
        reading: ClipRuns,
    ) -> None:
        super().__init__(reading, uid)
        self._scene_name, self._source, self._orders = scene_name, source, orders
        self._planning: PlanRun | None = None

    @property
    def fraction(self) -> float:
        """How much of the work in hand is done, 0..1."""
        return super().fraction if self._planning is None else self._planning.fraction

    def progress_line(self) -> str:
        """Return what is being done, in words."""
        return super().progress_line() if self._planning is None else "Fitting the curves"

    def cancel(self) -> None:
        """Stop it; nothing has been baked then."""
        super().cancel()
        if self._planning is not None:
            self._planning.cancel()

    def advance(self) -> None:
        """Read, start to plan, or write."""
        self.run.step()
        super().advance()

    def complete(self) -> None:
        """Plan the curves, then write them."""
        if self._planning is None:
            _, portrait = scene_and_portrait(self._scene_name, self.uid)
            files = self._files(portrait)
            self._planning = PlanRun(baking.order_for(portrait, self._source, files.begin), files)
        elif self._planning.finished:
            self._write(self._planning.result())

    def _files(self, portrait: Any) -> ClipFiles:

        if not self._orders:
            return ClipFiles(self._source.path)
        first, *more = self._orders
        voice = more[0].out if more else None
        return ClipFiles(first.out, first.begin, voice, portrait.motion.voice_share)

    def _write(self, plan: BakePlan) -> None:

        scene, portrait = scene_and_portrait(self._scene_name, self.uid)
        baked = baking.write(portrait, self._source, plan)
        notes = self.run.notes
        if portrait.motion.add_sound:
            note = motion_source.add_sound_strip(scene, self._source, baked.first, baked.frames)
            notes = (*notes, note) if note else notes
        self.notes = (*baked.notes, *notes)
        self.end(DONE, baked.line())


def start(scene: Any, portrait: Any) -> MotionJob:
    """Begin to read a portrait's source, or to plan at once where its clip is here already.

    Raises
    ------
    HeatError
        Something is missing; the message says what.
    """
    if background_jobs.running("motion", portrait.uid):
        raise bridge.errors.BadInput("The motion of this portrait is being read")
    reason = baking.complaint(portrait)
    if reason:
        raise bridge.errors.BadInput(reason)
    source = motion_source.source_of(scene, portrait)
    orders = _orders(scene, portrait, source)
    job = MotionJob(scene.name, portrait.uid, source, orders, _reading(orders))
    background_jobs.start(job)
    return job


def _orders(scene: Any, portrait: Any, source: MotionSource) -> tuple[ClipOrder, ...]:
    """Return the clips that a source needs, the face's first."""
    folder, settings = preferences.motion_folder(), portrait.motion
    orders = []
    if source.kind in {FACE, BOTH}:
        span = (source.begin, source.end)
        orders.append(clip_command.video_order(folder, source.path, *span, settings.face))
    if source.kind in {VOICE, BOTH}:
        fps, life = str(scene_fps(scene)), settings.life and source.kind == VOICE
        orders.append(clip_command.voice_order(folder, source.path, fps, settings.style, life))
    return tuple(orders)


def _reading(orders: tuple[ClipOrder, ...]) -> ClipRuns:
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    if not all(order.out.is_file() for order in orders):  # else no backend is needed
        program = choose.command(_ELSEWHERE)
        command, environment = program.command, choose.whole_environment(program)
        preferences.motion_folder().mkdir(parents=True, exist_ok=True)
        for order in orders:
            order.out.parent.mkdir(parents=True, exist_ok=True)
    return ClipRuns(orders, lambda order: clip_command.ClipRun(command, environment, order))
