# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio features of a file of any length, and the network run over them in overlapping windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import Cancelled
from heat_backend.engines.protocol import CancelCheck, never
from heat_backend.inference.network import Network
from heat_backend.media import mel
from heat_backend.media.audio import AudioStream
from heat_backend.speech.network import CHANNELS, CLOSURE, LOG_MEL, SPEECH, STEP
from heat_backend.speech.visemes import COUNT

WINDOW_SECONDS = 24.0  # with WINDOWS_AT_ONCE what an hour of audio needs in memory: 0.5 GB in all
CONTEXT_SECONDS = 3.0  # on either side, whose output is thrown away: what the LSTM remembers
WINDOWS_AT_ONCE = 2  # batch size
FRAMES_PER_SECOND = mel.RATE // mel.HOP

Array = NDArray[np.float32]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class AudioFeatures:
    """The features of one file, at 100 frames a second: 8 kB a second.

    Attributes
    ----------
    mel : (T, BANDS) float16
        Log-mel energies.
    levels : (T,) float32
        Level of each frame, see :func:`heat_backend.media.mel.level`.
    loud, quiet : (T,) float32
        95th and 10th percentile of the levels within 8 s around each frame.
    bands : (S, BANDS) float32
        Reference spectrum around each second.
    samples : int
        Length in samples of 16 kHz.
    notes : tuple of str
        What had to be mended in the file.
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
    """The network's output at 50 steps a second; step i stands at (i + 0.25) / 50 seconds.

    Attributes
    ----------
    channels : (S, C) float32
        Channels of the mouth, in the order of :data:`heat_backend.speech.visemes.CHANNELS`.
    closure, speech : (S,) float32
        Probabilities that the lips are together for p, b, m, and that somebody speaks.
    """

    channels: Array
    closure: Array
    speech: Array


def extract_features(
    path: Path,
    progress: Progress,
    cancelled: CancelCheck,
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
        silence = np.full((STEP - len(whole), mel.BANDS), np.log(mel.FLOOR))
        whole = np.concatenate([whole, silence]).astype(np.float16)
        level = np.concatenate([level, mel.level(silence)])
    bands, loud, quiet = _references(whole, level)
    return AudioFeatures(whole, level, loud, quiet, bands, samples, tuple(stream.notes))


def _references(frames: NDArray[np.float16], levels: Array) -> tuple[Array, Array, Array]:
    """Measure the bands (S, BANDS) of each second, the loud and quiet level (T,) of each frame."""
    reach = mel.REFERENCE_SECONDS * FRAMES_PER_SECOND
    starts = np.arange(0, len(levels), FRAMES_PER_SECOND)
    around = [slice(max(0, at - reach), at + reach) for at in starts]
    references = [mel.measure_reference(frames[near], levels[near]) for near in around]
    time = np.arange(len(levels))
    loud = np.interp(time, starts, [one.loud for one in references])
    quiet = np.interp(time, starts, [one.quiet for one in references])
    bands = np.stack([one.bands for one in references])
    return bands, loud.astype(np.float32), quiet.astype(np.float32)


def run_network(
    network: Network,
    features: AudioFeatures,
    progress: Progress,
    cancelled: CancelCheck = never,
) -> NetworkOutput:
    """Run the network over all features.

    Raises
    ------
    Cancelled
    """
    core, steps = int(WINDOW_SECONDS * FRAMES_PER_SECOND), len(features.mel) // STEP
    channels = np.empty((steps, COUNT), np.float32)
    closure, speech = np.empty(steps, np.float32), np.empty(steps, np.float32)
    starts = list(range(0, steps * STEP, core))
    for at in range(0, len(starts), WINDOWS_AT_ONCE):
        if cancelled():
            raise Cancelled("stopped")
        group = starts[at : at + WINDOWS_AT_ONCE]
        windows = [(first, min(first + core, steps * STEP)) for first in group]
        outputs = _run_windows(network, features, windows)
        for (first, last), output in zip(windows, outputs, strict=True):
            place = slice(first // STEP, last // STEP)
            channels[place], closure[place], speech[place] = output
        progress("speaking", min(1.0, (at + WINDOWS_AT_ONCE) / len(starts)))
    return NetworkOutput(channels, closure, speech)


def _run_windows(
    network: Network, features: AudioFeatures, windows: list[tuple[int, int]]
) -> list[tuple[Array, ...]]:
    """Channels, closure and speech of each window, given as its first and last frame."""
    context, total = int(CONTEXT_SECONDS * FRAMES_PER_SECOND), len(features.mel) // STEP * STEP
    padded = [(max(0, first - context), min(total, last + context)) for first, last in windows]
    if len({high - low for low, high in padded}) > 1:  # the ends of a file run by themselves
        return [_run_windows(network, features, [one])[0] for one in windows]
    found = network.run({LOG_MEL: np.stack([_normalised(features, *one) for one in padded])})
    outputs = found[CHANNELS], found[CLOSURE], found[SPEECH]
    kept = [
        slice((first - low) // STEP, (last - low) // STEP)
        for (first, last), (low, _) in zip(windows, padded, strict=True)
    ]
    return [tuple(out[row, part] for out in outputs) for row, part in enumerate(kept)]


def _normalised(features: AudioFeatures, low: int, high: int) -> Array:
    """Frames ``low`` to ``high`` against the reference interpolated between its seconds."""
    at = np.arange(low, high) / FRAMES_PER_SECOND
    left = np.minimum(at.astype(int), len(features.bands) - 1)
    right = np.minimum(left + 1, len(features.bands) - 1)
    share = (at - left)[:, None].astype(np.float32)
    bands = features.bands[left] * (1.0 - share) + features.bands[right] * share
    return mel.normalised(features.mel[low:high], bands)
