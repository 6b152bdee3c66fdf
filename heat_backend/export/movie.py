# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an .mp4 movie: packets are logged as they are encoded and muxed when all frames exist."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere
from bridge.whole_file import replace_file
from heat_backend import __version__
from heat_backend.export.h264 import H264Encoder, even
from heat_backend.export.packet_log import PacketLog
from heat_backend.export.provenance import append_to_mp4
from heat_backend.export.shot import Shot
from heat_backend.export.sound import Sound, add_sound_stream, sound_packets
from heat_backend.export.work_folder import WorkFolder
from heat_backend.export.write_errors import Occupied, storage_error, writing

# Beyond it hardware players and older editors give up on H.264.
_WIDE = 4096


class Movie:
    """Takes the frames of one movie in order, on one thread."""

    def __init__(
        self,
        target: Path,
        work: WorkFolder,
        shot: Shot,
        frames: range,
        fps: Fraction,
        sound: Sound | None = None,
    ) -> None:
        self._target = target
        self._work = work
        self._comment = f"{shot.provenance.statement}, {extent(frames, fps, sound)}"
        self._provenance = shot.provenance
        self._sound = sound and replace(sound, start=sound.start + float(frames.start / fps))
        self._seconds = float(len(frames) / fps)
        self._fps = fps
        self._encoder: H264Encoder | None = None
        with writing(target):
            self._log = PacketLog(work.path)

    @property
    def frames_kept(self) -> int:
        """Number of whole frames that an earlier run left."""
        return len(self._log.entries)

    def write(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Encode one frame and put it on the disk. A new run begins with a keyframe."""
        if self._encoder is None:
            self._encoder = H264Encoder(pixels.shape[1], pixels.shape[0], self._fps)
        packet, key = self._encoder.encode(pixels)
        with writing(self._target):
            self._log.append(packet, key)

    def finish(self) -> None:
        """Put the movie together and give it its name."""
        import av

        part = self._work.path / "movie.mp4"
        try:
            self._join(part)
            append_to_mp4(part, self._provenance)
            replace_file(part, self._target)
        except OSError as error:  # av.FFmpegError is one too
            raise storage_error(error, self._target) from error
        except av.FFmpegError as error:
            raise MissingHere(f"cannot write {self._target}: {error}") from error

    def close(self) -> None:
        """Let go of the side files."""
        self._log.close()

    def _join(self, part: Path) -> None:
        import av

        step = 1 / self._fps
        # The raw stream is opened for its headers only: packets come from the log.
        with (
            av.open(str(self._log.stream_path), format="h264") as raw,
            av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as movie,
        ):
            movie.metadata["comment"] = self._comment
            movie.metadata["encoder"] = f"Heat {__version__}"
            stream = movie.add_stream_from_template(raw.streams.video[0])
            stream.time_base = step
            sounding, heard_until = None, 0.0
            if self._sound:
                sounding = sound_packets(add_sound_stream(movie), self._sound, self._seconds)
            for index, (data, key) in enumerate(self._log.packets()):
                packet = av.Packet(data)
                packet.stream = stream
                packet.time_base = step
                packet.pts = packet.dts = index
                packet.duration = 1
                packet.is_keyframe = key
                movie.mux(packet)
                while heard_until <= (index + 1) * step and sounding:
                    heard_until, encoded = next(sounding, (inf, []))
                    movie.mux(encoded)
            for _, encoded in sounding or ():
                movie.mux(encoded)


def movie_notes(width: int, height: int) -> list[str]:
    """Say what a user should know about a movie of this size."""
    notes = []
    size = (even(width), even(height))
    if size != (width, height):
        notes.append(
            f"H.264 needs even sides: the movie is {size[0]} x {size[1]}, one row or column of "
            f"pixels more than the frame's {width} x {height}, repeated at the right or bottom edge"
        )
    if max(size) > _WIDE:
        notes.append(f"many players show H.264 only up to {_WIDE} pixels wide: consider a --size")
    return notes


def extent(frames: range, fps: Fraction, sound: Sound | None = None) -> str:
    """Say which frames of the clip a movie holds, counted from 1, how fast, and with what sound."""
    summary = f"frames {frames.start + 1}-{frames.stop} at {fps} a second"
    return f"{summary}, sound {sound.key}" if sound else summary


def movie_content(path: Path) -> tuple[str, str]:
    """Shot's key and :func:`extent` of an existing movie; empty when it is not one of Heat's."""
    import av

    from heat_backend.media.container import open_media

    try:
        with open_media(path) as movie:
            comment = movie.metadata.get("comment", "")
    except (OSError, av.FFmpegError, ValueError):
        return "", ""
    _, marker, summary = comment.rpartition("; shot ")
    key, _, holds = summary.partition(", ") if marker else ("", "", "")
    return key, holds


def check_replaceable(
    path: Path,
    shot: Shot,
    frames: range,
    fps: Fraction,
    overwrite: bool,
    sound: Sound | None = None,
) -> bool:
    """Whether the movie at ``path`` exists and holds these very frames of this very shot.

    Raises
    ------
    Occupied
        When another file stands there that may not be replaced.
    """
    if not path.exists():
        return False
    key, holds = movie_content(path)
    if (key, holds) == (shot.key, extent(frames, fps, sound)):
        return True
    if overwrite:
        return False
    if key != shot.key:
        raise Occupied(f"{path} exists and is not of this shot", "another name")
    raise Occupied(
        f"{path} exists and holds {holds or 'other frames'} of this shot", "another name"
    )
