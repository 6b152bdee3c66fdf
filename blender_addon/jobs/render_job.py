# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders into the sequencer: sample the rig, let the backend render the frames, place the strip.

What is needed to go on after a crash is in the take's record from the end of the sampling on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..backend import choose
from ..core.takes import take
from ..core.takes.take import TakeFiles, TakeRecord
from ..data import portraits, rig_maps
from ..data.portraits import find_portrait
from ..scene import range_sampling, sampling, take_strip
from . import background_jobs
from .background_jobs import CANCELLED, DONE, FAILED, Job

SAMPLING, RENDERING, PLACING = "sampling", "rendering", "placing"
"""The phases of a render."""

_SAMPLING_SECONDS = 0.02  # of a step: the interface still draws some 30 times a second
# A backend that dies is started again and the export resumed, this often without a new frame.
_MOST_RETRIES = 3


class RenderJob(Job):
    """A render under way.

    Parameters
    ----------
    scene_name : str
        The scene; looked up anew at each step, since undo replaces it.
    record : TakeRecord
        What is to be rendered.
    files : TakeFiles
        Where it goes.
    source : PortraitSource
        The photo.
    client_factory : callable
        Gives clients of the backend.
    sampled : bool
        The motion clip is on disk already (Resume).
    """

    kind = "render"
    title = "render"
    undo = "Render to Sequencer"
    interval = 0.03

    def __init__(
        self,
        scene_name: str,
        record: TakeRecord,
        files: TakeFiles,
        source: bridge.client.PortraitSource,
        client_factory: Any,
        *,
        sampled: bool = False,
    ) -> None:
        super().__init__(record.uid)
        self.record = record
        self.files = files
        self.phase = RENDERING if sampled else SAMPLING
        self.strip_name = ""
        self._scene_name = scene_name
        self._source = source
        self._factory = client_factory
        self._resuming = sampled
        self._samples: list[bridge.coefficients.Coefficients] = []
        self._notes: tuple[str, ...] = ()
        self._cost = ""
        self._job: bridge.jobs.ExportJob | None = None
        self._status = bridge.jobs.JobStatus()
        self._retries = 0
        self._best = -1
        self._placer: Iterator[Any] | None = None
        self._cancelling = False

    @property
    def fraction(self) -> float:
        """How much is done, 0..1; sampling is the first tenth."""
        if self.phase == SAMPLING:
            return 0.1 * len(self._samples) / self.record.count
        if self.state == DONE:
            return 1.0
        return 0.1 + 0.9 * self._status.fraction

    @property
    def frames_done(self) -> int:
        """Frames that are on disk."""
        return self._status.frames_done

    @property
    def rendered(self) -> int:
        """Frames that this run rendered itself, not counting those it found finished."""
        return self._status.rendered

    def progress_line(self) -> str:
        """Return the state in words, with the time left."""
        if self.phase == SAMPLING:
            return f"Reading the rig, frame {len(self._samples)} of {self.record.count}"
        if self.phase == PLACING:
            return "Placing the strip"
        status = self._status
        if self._cancelling:
            return "Stopping"
        if status.state == "rendering" and status.frames_done:
            return f"Frame {status.frames_done} of {status.frames_total}{_left(status)}"
        words = {
            "starting": "Starting the backend",
            "queued": "Waiting for another export",
            "preparing": "Preparing the photo",
            "rendering": "Rendering the first frame"
            + (f", after {self._cost}" if self._cost else ""),
            "fetching": "Fetching the finished files",
            "lost": "The backend was lost; looking for it",
        }
        return words.get(status.state, "Finishing")

    def cancel(self) -> None:
        """Stop soon; finished frames stay, and Resume goes on from them."""
        self._cancelling = True
        if self._job is not None:
            self._job.cancel()
        else:
            self.end(CANCELLED, "Cancelled")

    def advance(self) -> None:
        """Do a little of the phase's work."""
        phases = {SAMPLING: self._sample, RENDERING: self._watch, PLACING: self._place}
        try:
            phases[self.phase]()
        except ReferenceError:
            text = "The scene was removed while it was being rendered"
            raise bridge.errors.BadInput(text) from None

    def ended(self) -> None:
        """Forget the samples and, once the take is finished, that it was not."""
        self._samples = []
        if self.state == DONE:
            for scene in bpy.data.scenes:
                portrait = find_portrait(scene, self.uid)
                if portrait is not None:
                    portrait.output.state_path = ""

    def _scene(self) -> Any:
        scene = bpy.data.scenes.get(self._scene_name)
        if scene is None:
            raise bridge.errors.BadInput("The scene was removed or renamed during the render")
        return scene

    def _sample(self) -> None:
        scene = self._scene()
        portrait = find_portrait(scene, self.record.uid)
        if portrait is None:
            raise bridge.errors.BadInput("The portrait was removed during the render")
        times = range_sampling.sample_times(self.record.first, self.record.last, self.record.rate)
        steps = range_sampling.sample_range(
            scene,
            _view_layer(scene),
            lambda: sampling.rig_source(portrait),
            rig_maps.to_rig_map(portrait),
            times[len(self._samples) :],
            _SAMPLING_SECONDS,
        )
        self._samples += next(steps).coefficients
        if len(self._samples) == len(times):
            record = self.record
            own = bridge.portrait_source.EngineOptions.read(record.options).engine_options
            made = take.clip_of(self._samples, record.rate, record.engine, own)
            bridge.motion_clip.save(made.clip, self.files.motion)
            self._notes, self._cost = made.notes, made.cost
            take.save_record(self.record, self.files.record)
            self.phase = RENDERING

    def _watch(self) -> None:
        if self._job is None:
            self._start_export()
            return
        self._status = self._job.poll()
        if not self._status.finished:
            return
        if self._status.state == "done":
            self.phase = PLACING
        elif self._status.state == "cancelled":
            self.end(CANCELLED, f"Cancelled after {self._status.frames_done} frames")
        elif self._status.state == "interrupted" and self._may_retry():
            self._resuming = True
            self._start_export()
        else:
            self.end(FAILED, self._status.message)

    def _may_retry(self) -> bool:
        if self._cancelling:
            return False
        if self._status.frames_done > self._best:
            self._best, self._retries = self._status.frames_done, 0
        self._retries += 1
        return self._retries <= _MOST_RETRIES

    def _start_export(self) -> None:
        record = self.record
        shot = bridge.jobs.Shot(
            portrait=self._source,
            engine=record.engine or None,
            options=bridge.client.EngineOptions.read(record.options),
            motion_path=self.files.motion,
            out_path=self.files.out,
            fps=record.rate,
            resume=self._resuming,
        )
        self._job = bridge.jobs.ExportJob.start(self._factory, shot)
        if self._cancelling:
            self._job.cancel()

    def _place(self) -> None:
        if self._placer is None:
            scene = self._scene()
            portrait = find_portrait(scene, self.record.uid)
            name = portrait.strip_name if portrait is not None else ""
            self._placer = take_strip.put(
                scene, self.record, self._status.files, name or self.record.portrait
            )
        strip = next(self._placer)
        if strip is None:
            return
        self.strip_name = strip.name
        take.mark_finished(self.record, self.files.record)
        self.record = replace(self.record, done=True)
        notes = "".join(f". {note}" for note in (*self._notes, *self._status.notes))
        self.end(DONE, f'{self.record.count} frames are in the strip "{strip.name}"{notes}')


def reason_against(scene: Any, portrait: Any) -> str | None:
    """Return why a portrait cannot be rendered now, in a line, or None."""
    if background_jobs.running("render", portrait.uid):
        return "This portrait is being rendered"
    reason = portraits.photo_complaint(portrait)
    if reason:
        return reason
    if portrait.mesh is None and portrait.armature is None:
        return "Pick a face mesh or an armature"
    if not portrait.key_rows and not portrait.bone_rows:
        return "The rig map has no rows yet: use Auto-Map"
    first, last = portraits.frame_range(scene, portrait)
    if last < first:
        return f"The last frame ({last}) is before the first ({first})"
    return _folder_complaint(portrait) or choose.missing()


def unfinished(portrait: Any) -> Path | None:
    """Return the record of a take that can be resumed, or None."""
    text = portrait.output.state_path
    if not text or background_jobs.running("render", portrait.uid):
        return None
    path = Path(bpy.path.abspath(text))
    return path if path.is_file() else None


def start(scene: Any, portrait: Any) -> RenderJob:
    """Begin to render a portrait's performance.

    Raises
    ------
    HeatError
        Something is missing; the message says what.
    """
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
    job = RenderJob(scene.name, record, files, source, owner.client)
    background_jobs.start(job)
    return job


def resume(scene: Any, portrait: Any) -> RenderJob:
    """Go on with a portrait's unfinished take; no finished frame is rendered again.

    Raises
    ------
    HeatError
        There is none, or something is missing.
    """
    path = unfinished(portrait)
    if path is None:
        raise bridge.errors.BadInput("There is no unfinished take to resume")
    record = take.load_record(path)
    if record.uid != portrait.uid:
        raise bridge.errors.BadInput("The unfinished take belongs to another portrait")
    source = _photo_of(scene, record.uid)
    owner = choose.ready()
    files = _take_files(path, record)
    job = RenderJob(scene.name, record, files, source, owner.client, sampled=True)
    background_jobs.start(job)
    return job


def _photo_of(scene: Any, uid: str) -> bridge.client.PortraitSource:
    """Return the photo of a portrait that is to be resumed.

    Raises
    ------
    BadInput
        The portrait or its photo is gone.
    """
    portrait = find_portrait(scene, uid)
    if portrait is None:
        raise bridge.errors.BadInput("The portrait of the unfinished take is not in this scene")
    return portraits.portrait_source(portrait)


def _take_files(record_path: Path, record: TakeRecord) -> TakeFiles:
    """Return the paths of a recorded take."""
    folder = record_path.parent
    return TakeFiles(folder / record.out, folder / record.motion, record_path)


def _folder_complaint(portrait: Any) -> str | None:
    folder = portrait.output.folder
    if not folder:
        return "Choose an output folder"
    if folder.startswith("//") and not bpy.data.is_saved:
        return "Save the .blend first, or choose an output folder elsewhere"
    return None


def _view_layer(scene: Any) -> Any:
    for window in bpy.context.window_manager.windows:
        if window.scene == scene:
            return window.view_layer
    return scene.view_layers[0]


def _left(status: bridge.jobs.JobStatus) -> str:
    if status.seconds_left is None:
        return ""
    seconds = round(status.seconds_left)
    if seconds >= 3600:
        return f", {seconds // 3600} h {seconds % 3600 // 60} min left"
    if seconds >= 60:
        return f", {seconds // 60} min {seconds % 60} s left"
    return f", {seconds} s left"
