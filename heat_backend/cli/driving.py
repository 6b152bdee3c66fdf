# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives a render: a motion clip, or a film or a voice that is turned into one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput

if TYPE_CHECKING:
    from heat_backend.styleheat.paper_motion import Motion

CHOOSE = "choose an .npz that Heat wrote, a film of a face or a voice"
CLIPS = (".npz", ".npy", ".mat")


@dataclass(frozen=True)
class Driving:
    """Motion, and where its sound is.

    Attributes
    ----------
    motion : Motion
        A clip, ours or in the paper's values.
    sound : path or None
        The driving file, if it has sound.
    notes : tuple of str
    """

    motion: Motion
    sound: Path | None = None
    notes: tuple[str, ...] = ()


def driving_motion(
    path: Path, work: Path, progress: Callable[[str, float], None], cancelled: Callable[[], bool]
) -> Driving:
    """Read a clip, track a film, or listen to a voice.

    Parameters
    ----------
    path : path
        An .npz is a motion clip; all else is looked into.
    work : path
        Folder for what a stopped tracking leaves, to go on from.
    progress, cancelled : callable
        As for the commands.

    Raises
    ------
    BadInput
        It is none of the three.
    Cancelled
        When ``cancelled()`` became true.
    """
    from heat_backend.styleheat.paper_motion import Motion, load_motion

    if path.suffix.lower() in CLIPS or not path.is_file():
        return Driving(load_motion(path))
    pictures, sound = _streams(path)
    heard = path if sound else None
    if pictures:
        from heat_backend.tracking import TrackSettings, track_film

        tracked = track_film(path, TrackSettings(), work, progress, cancelled)
        return Driving(Motion(tracked.clip), heard, tracked.notes)
    from heat_backend.speech.speak import motion_from_speech

    clip = motion_from_speech(path, progress=progress, cancelled=cancelled)
    return Driving(Motion(clip), heard)


def _streams(path: Path) -> tuple[bool, bool]:
    """Whether a file has moving pictures, and sound."""
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if container.format.name.startswith("image2") or container.format.name.endswith(
                "_pipe"
            ):
                raise BadInput(f"{path.name} is a still picture, not a motion clip: {CHOOSE}")
            pictures = [s for s in container.streams.video if not _is_cover(s)]
            found = bool(pictures), bool(container.streams.audio)
    except (OSError, av.FFmpegError, ValueError) as error:
        raise BadInput(f"{path.name} is no motion clip, film or sound: {CHOOSE}") from error
    if found == (False, False):
        raise BadInput(f"{path.name} has neither pictures nor sound: choose another file")
    return found


def _is_cover(stream: object) -> bool:
    """Whether a stream is a sound file's cover picture."""
    import av.stream

    disposition = getattr(stream, "disposition", None)
    return bool(disposition and disposition & av.stream.Disposition.attached_pic)
