# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound of a movie: a piece of any file's audio, encoded in step with the frames."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput
from heat_backend.media.audio import Form, beginning, sound_in_step

if TYPE_CHECKING:
    import av

RATE = 48000
_CODEC = "aac"
_LAYOUT = "stereo"
_BITRATE = 192_000
_READ = 1 << 20


@dataclass(frozen=True)
class Sound:
    """Where a movie's sound comes from.

    Attributes
    ----------
    path : path
        Anything with sound that FFmpeg reads.
    start : float
        Second of it that is heard with the first frame; of a video, counted from its first picture.
    """

    path: Path
    start: float = 0.0

    @property
    def key(self) -> str:
        """Name of the content, the same for the same sound from the same second."""
        digest = hashlib.sha256(f"{self.start:.6f}".encode())
        with self.path.open("rb") as file:
            while block := file.read(_READ):
                digest.update(block)
        return digest.hexdigest()[:12]


def check_sound(path: Path) -> None:
    """Refuse what has no sound, before any work is done.

    Raises
    ------
    BadInput
        There is none, or the file cannot be read.
    """
    import av

    from heat_backend.media.container import open_media

    try:
        with open_media(path) as container:
            heard = bool(container.streams.audio)
    except (OSError, av.FFmpegError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: name a file with sound, such as a .wav") from error
    if not heard:
        raise BadInput(f"{path} has no sound: name another file, or leave --audio out")


def add_sound_stream(movie: av.container.OutputContainer) -> av.AudioStream:
    """Give a movie an AAC stream; to be called before its first packet."""
    import av

    stream = movie.add_stream(_CODEC, rate=RATE)
    assert isinstance(stream, av.AudioStream)
    stream.layout = _LAYOUT
    stream.bit_rate = _BITRATE
    return stream


def sound_packets(
    stream: av.AudioStream, sound: Sound, seconds: float
) -> Iterator[tuple[float, list[av.Packet]]]:
    """Encode ``seconds`` of a sound; what lies beyond its end stays silent.

    Yields
    ------
    float
        Second of the movie up to which is encoded.
    list of Packet
        To be muxed then.
    """
    import av

    left = round(seconds * RATE)
    fifo = av.AudioFifo()
    frame_size = stream.codec_context.frame_size or 1024
    written = 0
    for frame in _piece(sound):
        fifo.write(frame)
        while written < left and (part := fifo.read(frame_size)) is not None:
            part = _cut(part, left - written)
            part.pts = written
            written += part.samples
            yield written / RATE, stream.encode(part)
        if written >= left:
            break
    rest = fifo.read()
    if rest is not None and written < left:
        rest = _cut(rest, left - written)
        rest.pts = written
        yield seconds, stream.encode(rest)
    yield seconds, stream.encode(None)


def _cut(frame: av.AudioFrame, most: int) -> av.AudioFrame:
    return frame if frame.samples <= most else _plain(frame.to_ndarray()[:, :most])


def _piece(sound: Sound) -> Iterator[av.AudioFrame]:
    """Resampled frames from the sound's start on, without time stamps."""
    import av

    from heat_backend.media.container import open_media

    with open_media(sound.path) as container:
        begin = beginning(sound.path, container)
        try:
            for block in sound_in_step(container, begin, sound.start, Form(RATE, _LAYOUT)):
                yield _plain(block)
        except av.FFmpegError:
            return  # a damaged end: the rest stays silent


def _plain(samples: NDArray[np.generic]) -> av.AudioFrame:
    """Frame without a time stamp of samples (2, N)."""
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", _LAYOUT)
    frame.sample_rate = RATE
    return frame
