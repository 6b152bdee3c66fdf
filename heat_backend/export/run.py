# SPDX-License-Identifier: GPL-3.0-or-later
"""One export from start to end: checks, resume, rendering, and clean-up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from bridge import motion_clip
from bridge.coefficients import Coefficients
from bridge.errors import BadInput, UsageError
from bridge.motion_clip import MotionClip
from heat_backend.engines.protocol import Portrait
from heat_backend.export.movie import Movie, check_replaceable, movie_notes
from heat_backend.export.pipeline import render_into
from heat_backend.export.sequence import Sequence, frame_path, frames_to_render
from heat_backend.export.shot import Shot, frame_rate, make_shot
from heat_backend.export.sound import Sound
from heat_backend.export.work_folder import WorkFolder
from heat_backend.export.write_errors import writing
from heat_backend.storage.own_files import is_link

_OTHER_FILES = {".mov", ".mkv", ".avi", ".webm", ".m4v", ".gif", ".png", ".jpg", ".jpeg", ".npz"}

_MOST_WRITERS = 4


@dataclass(frozen=True)
class ExportResult:
    """What an export left.

    Attributes
    ----------
    files : tuple of path
        The movie, or the frames asked for, in order.
    rendered, skipped : int
        Frames rendered now, and frames that an earlier run had finished.
    notes : tuple of str
        What a user should know about the result.
    """

    files: tuple[Path, ...]
    rendered: int
    skipped: int
    notes: tuple[str, ...] = ()


class _Counter:
    """Counts finished frames and tells the caller."""

    def __init__(self, skipped: int, total: int, progress: Callable[[int, int], None]) -> None:
        self.done = skipped
        self._total = total
        self._progress = progress
        progress(skipped, total)

    def step(self) -> None:
        self.done += 1
        self._progress(self.done, self._total)


def export(
    portrait: Portrait,
    clip: MotionClip,
    out: Path,
    *,
    frames: range,
    fps: Fraction | float,
    resume: bool,
    engine_label: str,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
    portrait_id: str | None = None,
    overwrite: bool = False,
    sound: Sound | None = None,
    follow_links: bool = True,
) -> ExportResult:
    """Render ``frames`` of a clip to a folder of PNG files or to an .mp4 movie.

    Parameters
    ----------
    portrait : Portrait
        Prepared; its ``width`` and ``height`` are those of the frames.
    clip : MotionClip
        Values beyond -0.5..1.5 are clamped, with a note.
    out : path
        Ends in ``.mp4``: a movie. Else a folder, made when missing; its other files stay as they
        are.
    frames : range
        Indices into the clip, from 0, ascending by 1. File names count from 1 for frame 0.
    fps : Fraction or float
        Rate of the movie; 23.976 stands for 24000/1001.
    resume : bool
        Keep what an earlier run of this very shot finished.
    engine_label : str
        Name and version of the engine, for the metadata.
    progress : callable (done, total)
        Called on this thread for each frame.
    cancelled : callable
        Asked before each frame.
    portrait_id : str, optional
        From :func:`heat_backend.export.shot.portrait_key`; without it the portrait is known by its
        frame at rest.
    overwrite : bool
        Whether frames of another shot, or another file named ``out`` (a movie of other frames of
        this shot too), may be replaced.
    sound : Sound, optional
        Of a movie; it begins with the clip's first frame, whichever of ``frames`` are rendered.
    follow_links : bool
        Whether ``out`` may be a link, as the user's own word; not for names that a client gave.

    Raises
    ------
    BadInput
        A range outside the clip, a target that cannot be written, an unfinished export of
        another shot; ``Occupied`` when the target holds what may not be replaced.
    MissingHere
        A full disk, or no H.264 encoder.
    Cancelled
        When ``cancelled()`` became true; finished frames are kept for ``resume``.
    """
    _check_range(frames, clip)
    rate = frame_rate(fps)
    clip, changed = motion_clip.clamped(clip)
    notes = []
    if changed:
        notes.append(f"expression values beyond -0.5..1.5 were clamped in {changed} frames")
    shot = make_shot(
        portrait_id or _portrait_fingerprint(portrait),
        clip,
        engine_label,
        portrait.width,
        portrait.height,
        portrait.digital_source_type,
    )
    job = _Job(portrait, clip, frames, rate, resume, overwrite, shot, sound, progress, cancelled)
    is_movie = is_movie_name(out)
    if not follow_links and is_link(out):
        raise BadInput(f"{out} is a link: choose another name, or remove the link")
    target = _resolve(out, is_movie)
    rendered = job.movie(target) if is_movie else job.sequence(target)
    if is_movie:
        notes += movie_notes(portrait.width, portrait.height)
    files = (out,) if is_movie else tuple(frame_path(out, index) for index in frames)
    return ExportResult(files, rendered, len(frames) - rendered, tuple(notes))


def is_movie_name(out: Path) -> bool:
    """Whether ``out`` asks for a movie.

    Raises
    ------
    UsageError
        For names that mean neither an .mp4 movie nor a folder.
    """
    suffix = out.suffix.lower()
    if suffix in _OTHER_FILES and not out.is_dir():
        raise UsageError(
            f"{out.name}: Heat writes .mp4 movies, or PNG files into a folder; "
            "name one ending in .mp4 or a folder"
        )
    return suffix == ".mp4"


@dataclass(frozen=True)
class _Job:
    portrait: Portrait
    clip: MotionClip
    frames: range
    rate: Fraction
    resume: bool
    overwrite: bool
    shot: Shot
    sound: Sound | None
    progress: Callable[[int, int], None]
    cancelled: Callable[[], bool]

    def sequence(self, folder: Path) -> int:
        """Write PNG files; returns the number of frames rendered."""
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "permission denied")
        work = WorkFolder(folder)
        whole = False
        try:
            begun = work.read_stamp()
            # Overwriting that was allowed once holds until this shot is finished.
            allowed = self.overwrite or begun == {"shot": self.shot.key, "overwrite": True}
            todo = frames_to_render(
                folder, self.shot, self.frames, resume=self.resume, overwrite=allowed
            )
            work.start({"shot": self.shot.key, "overwrite": allowed})
            writers = min(_MOST_WRITERS, os.cpu_count() or 1)
            self._render(Sequence(folder, work, self.shot).write, todo, writers)
            whole = True
        finally:
            work.close(remove=whole or not work.read_stamp())
        return len(todo)

    def movie(self, target: Path) -> int:
        """Write a movie; returns the number of frames rendered."""
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        work = WorkFolder(target)
        done = False
        try:
            stamp = self._movie_stamp()
            begun = work.read_stamp()
            allowed = self.overwrite or begun == {**stamp, "overwrite": True}
            finished = check_replaceable(
                target, self.shot, self.frames, self.rate, allowed, self.sound
            )
            if self.resume and finished and not begun:
                done = True
                self.progress(len(self.frames), len(self.frames))
                return 0
            self._check_begun(begun, stamp, target)
            if not self.resume or not begun:
                work.start({**stamp, "overwrite": allowed})
            rendered = self._render_movie(target, work)
            done = True
        finally:
            work.close(remove=done or not work.read_stamp())
        return rendered

    def _render_movie(self, target: Path, work: WorkFolder) -> int:
        movie = Movie(target, work, self.shot, self.frames, self.rate, self.sound)
        try:
            todo = list(self.frames)[movie.frames_kept :]
            self._render(movie.write, todo, writers=1)
            movie.finish()
        finally:
            movie.close()
        return len(todo)

    def _render(
        self,
        sink: Callable[[int, np.ndarray], None],
        todo: list[int],
        writers: int,
    ) -> None:
        counter = _Counter(len(self.frames) - len(todo), len(self.frames), self.progress)
        render_into(
            sink,
            self.portrait,
            self.clip,
            todo,
            writers=writers,
            finished=counter.step,
            cancelled=self.cancelled,
        )

    def _movie_stamp(self) -> dict[str, object]:
        return {
            "shot": self.shot.key,
            "first": self.frames.start,
            "last": self.frames.stop - 1,
            "fps": str(self.rate),
            **({"sound": self.sound.key} if self.sound else {}),
        }

    def _check_begun(
        self, begun: dict[str, object], stamp: dict[str, object], target: Path
    ) -> None:
        if self.resume and begun and {**begun, "overwrite": None} != {**stamp, "overwrite": None}:
            raise BadInput(
                f"{target.name} was begun with another portrait, clip, range or setting: "
                "bring those back to resume, or export without resume to start again"
            )


def _check_range(frames: range, clip: MotionClip) -> None:
    if frames.step != 1 or not len(frames):
        raise BadInput("no frames to render: give a range whose first frame is not after its last")
    if frames.start < 0 or frames.stop > len(clip):
        raise BadInput(
            f"frames {frames.start + 1} to {frames.stop} asked for, but the clip has frames "
            f"1 to {len(clip)}"
        )


def check_target(out: Path) -> None:
    """Refuse, before any work is done, a target that could not be written.

    Raises
    ------
    UsageError, BadInput
        As :func:`export` would.
    """
    target = _resolve(out, is_movie_name(out))
    place = target
    while not place.exists() and place != place.parent:
        place = place.parent
    with writing(out):
        if not place.is_dir() and place != target:
            raise NotADirectoryError(20, f"{place} is a file, not a folder")
        if place.is_dir() and not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(13, "permission denied")


def _resolve(out: Path, is_movie: bool) -> Path:
    """Find the real place behind links, so that finished files can be moved there in one step."""
    with writing(out):
        target = Path(os.path.realpath(out))
        if is_movie and target.is_dir():
            raise BadInput(f"{out} is a folder: name a file ending in .mp4, or another folder")
        if not is_movie and target.exists() and not target.is_dir():
            raise BadInput(
                f"{out} is a file: name a folder for PNG files, or a name ending in .mp4"
            )
    return target


def _portrait_fingerprint(portrait: Portrait) -> str:
    frame = portrait.render(Coefficients.zero())
    return hashlib.sha256(np.ascontiguousarray(frame).data).hexdigest()[:32]
