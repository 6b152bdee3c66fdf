# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the network over a file of any length, in windows, with little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bridge.errors import Cancelled
from heat_backend.media import mel
from heat_backend.media.audio_stream import AudioStream
from heat_backend.speech.network import STEP, SpeechNet
from heat_backend.speech.visemes import COUNT

WINDOW_SECONDS = 24.0
CONTEXT_SECONDS = 3.0
TOGETHER = 2  # windows that the network runs over at once
NEVER: Callable[[], bool] = lambda: False  # noqa: E731

Array = NDArray[np.float32]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class AudioFeatures:
    """A file's features: 8 kB a second.

    Attributes
    ----------
    mel : (T, BANDS) float16
        Log-mel, 100 frames a second.
    levels : (T,) float32
        Loudness of each.
    loud, quiet : (T,) float32
        Loudness of the loudest twentieth and quietest tenth around each.
    bands : (S, BANDS) float32
        Usual spectrum around each second.
    samples : int
        Length at 16 kHz.
    notes : tuple of str
    """

    mel: NDArray[np.float16]
    levels: Array
    loud: Array
    quiet: Array
    bands: Array
    samples: int
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """What the network says, 50 steps a second; step i stands at (i + 0.25) / 50 seconds.

    Attributes
    ----------
    channels : (S, C) float32
    shut, speech : (S,) float32
        Probabilities that the lips are together for p, b, m, and that somebody speaks.
    """

    channels: Array
    shut: Array
    speech: Array


def hear(
    path: Path,
    progress: Progress,
    cancelled: Callable[[], bool],
    start: float = 0.0,
    end: float | None = None,
) -> AudioFeatures:
    """Decode a file, or its seconds from ``start`` to ``end``, once into features.

    Raises
    ------
    BadInput
        It holds no sound that can be read.
    Cancelled
    """
    stream = AudioStream(path, start, end)
    features = mel.MelStream()
    parts: list[NDArray[np.float16]] = []
    levels: list[Array] = []
    samples = 0

    def take(frames: Array) -> None:
        parts.append(frames.astype(np.float16))
        levels.append(mel.level(frames))

    for block in stream.blocks():
        if cancelled():
            raise Cancelled("stopped")
        samples += len(block)
        take(features.feed(block))
        if stream.seconds:
            progress("listening", min(1.0, samples / mel.RATE / stream.seconds))
    take(features.end())
    whole, level = np.concatenate(parts), np.concatenate(levels)
    if len(whole) < STEP:  # shorter than a step: as if silence followed
        short = STEP - len(whole)
        floor = np.full((short, mel.BANDS), np.log(mel.FLOOR))
        whole = np.concatenate([whole, floor]).astype(np.float16)
        level = np.concatenate([level, mel.level(floor)])
    bands, loud, quiet = _grounds(whole, level)
    return AudioFeatures(whole, level, loud, quiet, bands, samples, tuple(stream.notes))


def _grounds(frames: NDArray[np.float16], levels: Array) -> tuple[Array, Array, Array]:
    """Usual spectrum around each second, and both levels at every frame."""
    second = mel.RATE // mel.HOP
    reach = mel.REACH_SECONDS * second
    found = [
        mel.ground(frames[max(0, at - reach) : at + reach], levels[max(0, at - reach) : at + reach])
        for at in range(0, len(levels), second)
    ]
    time, seconds = np.arange(len(levels)), np.arange(len(found)) * second
    loud = np.interp(time, seconds, [g.loud for g in found])
    quiet = np.interp(time, seconds, [g.quiet for g in found])
    bands = np.stack([g.bands for g in found])
    return bands, loud.astype(np.float32), quiet.astype(np.float32)


def answer(
    network: SpeechNet,
    heard: AudioFeatures,
    progress: Progress,
    cancelled: Callable[[], bool] = NEVER,
) -> NetworkOutput:
    """Run the network over all features.

    Raises
    ------
    Cancelled
    """
    with _one_thread():
        return _answer(network, heard, progress, cancelled)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let the network run alone: the LSTM's steps are too small for threads to meet after each."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def _answer(
    network: SpeechNet, heard: AudioFeatures, progress: Progress, cancelled: Callable[[], bool]
) -> NetworkOutput:
    per_second = mel.RATE // mel.HOP
    core, context = int(WINDOW_SECONDS * per_second), int(CONTEXT_SECONDS * per_second)
    steps = len(heard.mel) // STEP
    channels = np.empty((steps, COUNT), np.float32)
    shut, speech = np.empty(steps, np.float32), np.empty(steps, np.float32)
    starts = list(range(0, steps * STEP, core))
    for at in range(0, len(starts), TOGETHER):
        if cancelled():
            raise Cancelled("stopped")
        group = [(s, min(s + core, steps * STEP)) for s in starts[at : at + TOGETHER]]
        for (first, last), said in zip(
            group, _run(network, heard, group, context, steps * STEP), strict=True
        ):
            place = slice(first // STEP, last // STEP)
            channels[place], shut[place], speech[place] = said
        progress("speaking", min(1.0, (at + TOGETHER) / len(starts)))
    return NetworkOutput(channels, shut, speech)


def _run(
    network: SpeechNet, heard: AudioFeatures, group: list[tuple[int, int]], context: int, total: int
) -> list[tuple[Array, Array, Array]]:
    pieces = []
    for first, last in group:
        low, high = max(0, first - context), min(total, last + context)
        pieces.append((first - low, high - low, _levelled(heard, low, high)))
    if len({length for _, length, _ in pieces}) > 1:  # the ends of a file run by themselves
        return [_run(network, heard, [one], context, total)[0] for one in group]
    with torch.inference_mode():
        stacked = torch.from_numpy(np.stack([piece for _, _, piece in pieces]))
        channels, shut, speech, _ = network(stacked)
        shut, speech = torch.sigmoid(shut), torch.sigmoid(speech)
    out = []
    for row, ((first, last), (skip, _, _)) in enumerate(zip(group, pieces, strict=True)):
        kept = slice(skip // STEP, (skip + last - first) // STEP)
        out.append(tuple(v[row, kept].numpy() for v in (channels, shut, speech)))
    return out  # type: ignore[return-value]


def _levelled(heard: AudioFeatures, low: int, high: int) -> Array:
    second = mel.RATE // mel.HOP
    at = np.arange(low, high) / second
    left = np.minimum(at.astype(int), len(heard.bands) - 1)
    right = np.minimum(left + 1, len(heard.bands) - 1)
    share = (at - left)[:, None].astype(np.float32)
    bands = heard.bands[left] * (1.0 - share) + heard.bands[right] * share
    return mel.levelled(heard.mel[low:high], bands)
