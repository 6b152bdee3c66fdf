# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding of the sound of a file in step with its pictures, by the file's own clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

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
