# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives a render: a motion clip, or a video or a voice that is turned into one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge import motion_clip
from bridge.errors import BadInput
from bridge.motion_clip import MotionClip
from heat_backend import __version__
from heat_backend.engines.description import load
from heat_backend.engines.motion import Motion
from heat_backend.engines.registry import descriptions

CHOOSE = "choose an .npz that Heat wrote, a video of a face or a voice"
CLIP = ".npz"


@dataclass(frozen=True)
class Driving:
    """Motion, and where its sound is.

    Attributes
    ----------
    motion : Motion
        A clip, or a motion in an engine's own values.
    sound : path or None
        The driving file, if it has sound.
    notes : tuple of str
    kept : path or None
        Folder with the clip, for a stopped render to go on with; to be dropped with its end.
    """

    motion: Motion
    sound: Path | None = None
    notes: tuple[str, ...] = ()
    kept: Path | None = None

    def drop(self) -> None:
        """Remove what only a stopped render would need."""
        if self.kept is not None:
            shutil.rmtree(self.kept, ignore_errors=True)


@dataclass(frozen=True)
class Source:
    """A file that is to drive a render, looked into.

    Attributes
    ----------
    path : path
    motion : Motion or None
        A clip, read whole.
    pictures, sound : bool
        What a video or a voice has.
    """

    path: Path
    motion: Motion | None = None
    pictures: bool = False
    sound: bool = False


def driving_source(path: Path) -> Source:
    """Read a clip, or look into a video or a voice, before any work is put into the photo.

    Parameters
    ----------
    path : path
        An .npz is a motion clip; some engines have formats of their own; all else is looked
        into.

    Raises
    ------
    BadInput
        It is none of the three.
    """
    suffix = path.suffix.lower()
    for engine in descriptions():
        if engine.motion is not None and suffix in engine.motion.suffixes:
            return Source(path, load(engine.motion.load)(path))
    if suffix == CLIP or not path.is_file():
        return Source(path, Motion(motion_clip.load(path)))
    pictures, sound = _streams(path)
    return Source(path, pictures=pictures, sound=sound)


def driving_motion(
    source: Source,
    work: Path,
    progress: Callable[[str, float], None],
    cancelled: Callable[[], bool],
) -> Driving:
    """Take a clip as it is, track a video, or listen to a voice.

    Parameters
    ----------
    source : Source
    work : path
        Folder for what a stopped run goes on from: a video's landmarks, then the clip. Tracking or
        listening anew would give the same clip, but not to the last bit.
    progress, cancelled : callable
        As for the commands.

    Raises
    ------
    BadInput
        Nobody can be tracked or heard in it.
    Cancelled
        When ``cancelled()`` became true.
    """
    if source.motion is not None:
        return Driving(source.motion)
    path = source.path
    heard = path if source.sound else None
    key = _key(path)
    known = _kept_clip(work, key)
    if known is not None:
        return Driving(Motion(known[0]), heard, known[1], work)
    notes: tuple[str, ...] = ()
    if source.pictures:
        from heat_backend.tracking.track import TrackSettings, track_video

        tracked = track_video(path, TrackSettings(), work, progress, cancelled)
        clip, notes = tracked.clip, tracked.notes
    else:
        from heat_backend.speech.speak import speak

        clip = speak(path, progress=progress, cancelled=cancelled).clip
    _keep_clip(work, key, clip, notes)
    return Driving(Motion(clip), heard, notes, work)


def _key(path: Path) -> str:
    facts = path.stat()
    return f"{__version__} {path.name} {facts.st_size} {facts.st_mtime_ns}"


def _kept_clip(work: Path, key: str) -> tuple[MotionClip, tuple[str, ...]] | None:
    """Clip and notes that an earlier run made of the same file."""
    try:
        stamp = json.loads((work / "clip.json").read_text(encoding="utf-8"))
        if stamp["key"] != key:
            return None
        return motion_clip.load(work / "clip.npz"), tuple(map(str, stamp["notes"]))
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        return None


def _keep_clip(work: Path, key: str, clip: MotionClip, notes: tuple[str, ...]) -> None:
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        motion_clip.save(clip, work / "clip.npz")
        stamp = json.dumps({"key": key, "notes": notes})
        (work / "clip.json").write_text(stamp, encoding="utf-8")
    except OSError as error:
        text = f"cannot write in {work.parent} ({error.strerror}): choose another folder"
        raise BadInput(text) from error


def _streams(path: Path) -> tuple[bool, bool]:
    """Whether a file has moving pictures, and sound."""
    import av

    from heat_backend.media.container import open_media
    from heat_backend.media.video import is_still, moving_pictures

    try:
        with open_media(path) as container:
            if is_still(container):
                raise BadInput(f"{path.name} is a still picture, not a motion clip: {CHOOSE}")
            found = bool(moving_pictures(container)), bool(container.streams.audio)
    except (OSError, av.FFmpegError, ValueError) as error:
        raise BadInput(f"{path.name} is no motion clip, video or sound: {CHOOSE}") from error
    if found == (False, False):
        raise BadInput(f"{path.name} has neither pictures nor sound: choose another file")
    return found
