# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes sound: in step with a file's pictures by its own clock, or as 16 kHz mono blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from bridge.errors import BadInput
from heat_backend.media.container import open_media
from heat_backend.media.mel import RATE
from heat_backend.media.video import first_picture

GAP = 0.08
"""Seconds missing between two packets beyond which silence is put in; less is jitter."""
LOST = 3600.0
"""Seconds by which a time stamp may be off; one further off is wrong and is ignored."""
PIECE = 10.0  # seconds of a block of silence


@dataclass(frozen=True)
class Form:
    """Rate and layout of decoded samples.

    Attributes
    ----------
    rate : int
        Samples a second.
    layout : str
        FFmpeg's name: ``mono``, ``stereo``.
    """

    rate: int
    layout: str


def beginning(path: Path, container: InputContainer) -> float:
    """Return the second of a file's clock that counts as 0: of its first picture, else sound."""
    shown = first_picture(path)
    if shown is not None:
        return shown
    stream = container.streams.audio[0]
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


def sound_in_step(
    container: InputContainer, begin: float, start: float, form: Form
) -> Iterator[NDArray[np.float32]]:
    """Decode the sound from ``start`` on, with silence in its gaps.

    Parameters
    ----------
    container : InputContainer
        Open, with sound, at its beginning.
    begin : float
        From :func:`beginning`.
    start : float
        Seconds after ``begin``.
    form : Form

    Yields
    ------
    (channels, n) float32
        Full scale 1.

    Raises
    ------
    av.FFmpegError
        The file cannot be decoded further.
    """
    resampler = _Resampler(form)
    at = 0  # index of the next sample from ``start``; negative before it
    for number, frame in enumerate(f for f in container.decode(audio=0) if f.samples):
        late = 0.0 if frame.time is None else frame.time - begin
        if number == 0:
            at = round(((late if abs(late) < LOST else 0.0) - start) * form.rate)
            yield from _silence(at, form)
        missing = (late - start) * form.rate - at
        if GAP * form.rate < missing < LOST * form.rate:
            yield from _silence(round(missing) + min(0, at), form)
            at += round(missing)
        frame.pts = None
        for block in resampler.feed(frame):
            at += block.shape[1]
            if at > 0:
                yield block[:, -at:]
    yield from resampler.feed(None)


def _silence(count: int, form: Form) -> Iterator[NDArray[np.float32]]:
    channels, most = av.AudioLayout(form.layout).nb_channels, int(PIECE * form.rate)
    while count > 0:
        yield np.zeros((channels, min(count, most)), np.float32)
        count -= most


class _Resampler:
    """FFmpeg's resampler to one form, made anew when the sound's own form changes."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._inner: av.AudioResampler | None = None
        self._given: tuple[object, ...] | None = None

    def feed(self, frame: av.AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        if frame is None:
            yield from self._arrays(None)
            return
        given = (frame.format.name, frame.layout.name, frame.sample_rate)
        if given != self._given:
            yield from self._arrays(None)
            self._inner = av.AudioResampler("fltp", self._form.layout, self._form.rate)
            self._given = given
        yield from self._arrays(frame)

    def _arrays(self, frame: av.AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        for out in self._inner.resample(frame) if self._inner else ():
            if out.samples:
                yield np.array(out.to_ndarray(), np.float32)


ADVICE = "choose a sound file, or a video with sound"
LOUDEST = 1e4
"""Full scale is 1; samples of float files in another unit are clipped here."""

Array = NDArray[np.float32]


class AudioStream:
    """The sound of one file, block by block.

    Parameters
    ----------
    path : Path
        Anything that FFmpeg reads.
    start, end : float
        Seconds to read, from a video's first picture or the sound's beginning on.

    Attributes
    ----------
    seconds : float or None
        Expected length of that, for progress.
    notes : list of str
        What had to be mended, complete once all blocks are read.

    Raises
    ------
    BadInput
        The file cannot be opened or holds no sound.
    """

    def __init__(self, path: Path, start: float = 0.0, end: float | None = None) -> None:
        self._start, self._end = start, end
        self.notes: list[str] = []
        self._path, self._name = path, path.name
        if path.is_dir():
            raise BadInput(f"{path} is a folder: {ADVICE}")
        try:
            self._container = open_media(path)
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError) or not path.exists():
                raise BadInput(f"there is no file {path}: {ADVICE}") from error
            if isinstance(error, PermissionError):
                raise BadInput(f"{path} may not be read: change its permissions") from error
            raise BadInput(f"{path.name} is neither sound nor video: {ADVICE}") from error
        streams = self._container.streams
        if not streams.audio:
            what = "is a video without sound" if streams.video else "holds no sound"
            self._container.close()  # last: FFmpeg's objects are not to be touched after it
            raise BadInput(f"{path.name} {what}: {ADVICE}")
        self._stream = streams.audio[0]
        if not self._stream.codec_context or not self._stream.rate:
            self._container.close()
            raise BadInput(f"{path.name}: its sound is in a format that cannot be read: {ADVICE}")
        length = self._container.duration
        self.seconds = None
        if length and length > start * av.time_base:
            self.seconds = min(length / av.time_base, end or math.inf) - start
        self._bad = 0

    def blocks(self) -> Iterator[Array]:
        """Yield the sound (N,), 16 kHz mono, full scale 1.

        Raises
        ------
        BadInput
            Nothing could be decoded.
        """
        done = 0
        try:
            for block in self._decoded():
                done += len(block)
                yield block
        finally:
            self._container.close()
        if done == 0 and self._start > 0.0:
            raise BadInput(f"{self._name} has no sound from --start {self._start:g} on")
        if done == 0:
            raise BadInput(f"no sound could be decoded from {self._name}: {ADVICE}")
        if self._bad:
            part = 100.0 * self._bad / done
            self.notes.append(f"{part:.3g} % of the samples are not numbers: taken as silence")

    def _decoded(self) -> Iterator[Array]:
        given = 0
        most = None if self._end is None else round((self._end - self._start) * RATE)
        try:
            begin = beginning(self._path, self._container)
            form = Form(RATE, "mono")
            for (block,) in sound_in_step(self._container, begin, self._start, form):
                yield self._mended(block if most is None else block[: most - given])
                given += len(block)
                if most is not None and given >= most:
                    break
        except (av.FFmpegError, ValueError, MemoryError) as error:
            if given == 0:
                text = f"{self._name}: its sound is broken or of an unknown kind: {ADVICE}"
                raise BadInput(text) from error
            self.notes.append(f"the file breaks off after {given / RATE:.1f} s; that much is used")

    def _mended(self, block: Array) -> Array:
        wrong = ~np.isfinite(block)
        if wrong.any():
            self._bad += int(wrong.sum())
            block[wrong] = 0.0
        return np.clip(block, -LOUDEST, LOUDEST, out=block)
