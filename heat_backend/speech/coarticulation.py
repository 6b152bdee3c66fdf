# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels of the mouth from timed sounds, by dominance functions: what the network is trained on.

Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", in Models and Techniques
in Computer Animation (1993): every sound pulls each channel toward its target with a dominance
that falls off exponentially in time before and after it, and the channel follows the weighted
mean of all targets. The closures of p, b and m, which must not be averaged away, are laid over it
afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from heat_backend.speech.phonemes import Sound
from heat_backend.speech.visemes import CHANNEL, CHANNELS, CLASSES, COUNT, GROUPS, LIP_PARTING

RATE = 100
"""Frames a second of the curves."""

# Seconds after which a dominance has fallen to 1/e, before and after the sound, by group. Rounding
# begins early and lasts; the tongue's tip is quick. These and the following were tuned by eye.
DECAY: dict[str, tuple[float, float]] = {
    "jaw": (0.042, 0.045),
    "part": (0.036, 0.038),
    "seal": (0.022, 0.022),
    "round": (0.075, 0.065),
    "spread": (0.060, 0.055),
    "tongue": (0.025, 0.025),
}
PLATEAU = 0.6  # share of a sound's length at full dominance
SMOOTH = 0.012  # standard deviation in seconds of the filter over the curves
LOUDNESS = 0.35  # share that a vowel opens wider for each standard deviation of its level
LOUDNESS_RANGE = 1.5  # standard deviations of the level beyond which it does not grow
REACH = 0.5  # seconds around a sound beyond which its dominance is 0

CLOSURE_RAMP = 0.045
"""Seconds in which the lips come together before a closure, and part after it."""
JAW_IN_CLOSURE = 0.18
"""Share of the jaw's opening that is left while the lips are closed; mouthClose makes up for it."""
PAUSE = 0.22
"""Seconds of rest from which on the mouth comes to rest itself."""
REST_AFTER, OPEN_BEFORE = 0.16, 0.10
"""Seconds in which the mouth comes to rest after speech, and opens before it."""
FUNNEL_IN_CLOSURE = 0.2  # share of mouthFunnel that is left while the lips are closed


@dataclass(frozen=True, eq=False)
class Targets:
    """What the network is to put out for one stretch of speech, at ``RATE``.

    Attributes
    ----------
    channels : (T, C) float32
    closure : (T,) float32
        1 while the lips are together for p, b, m.
    speech : (T,) float32
        1 where somebody speaks.
    kind : (T,) int64
        Index into ``CLASSES``.
    """

    channels: NDArray[np.float32]
    closure: NDArray[np.float32]
    speech: NDArray[np.float32]
    kind: NDArray[np.int64]


def targets(
    sounds: Sequence[Sound], frames: int, loudness: NDArray[np.floating] | None = None
) -> Targets:
    """Make the targets of a sequence of sounds.

    Parameters
    ----------
    sounds : sequence of Sound
        In order, without gaps.
    frames : int
        Number of frames; frame i stands at i / RATE seconds.
    loudness : (frames,) float, optional
        Level against the mean, in standard deviations; opens vowels more or less.
    """
    time = np.arange(frames) / RATE
    channels = _weighted_targets(sounds, time, loudness)
    closures = [(s.start, s.end) for s in sounds if s.viseme.closes_lips]
    envelope = closure_envelope(closures, time)
    channels = gaussian_filter1d(channels, SMOOTH * RATE, axis=0, mode="nearest")
    channels = hold_lips_closed(channels, envelope)
    channels *= _speech_envelope(sounds, time)[:, None]
    kind = np.zeros(frames, np.int64)
    for sound in sounds:
        kind[(time >= sound.start) & (time < sound.end)] = CLASSES.index(sound.viseme.kind)
    closure = np.zeros(frames, np.float32)
    half = 0.5 / RATE
    for start, end in closures:
        closure[(time >= start - half) & (time <= end + half)] = 1.0
    return Targets(channels.astype(np.float32), closure, (kind != 0).astype(np.float32), kind)


def _weighted_targets(
    sounds: Sequence[Sound], time: NDArray[np.floating], loudness: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    """Mean of the targets (T, C), weighted by the dominance of each sound at each time."""
    decay = np.zeros((2, COUNT))
    for group, names in GROUPS.items():
        for name in names:
            decay[:, CHANNEL[name]] = DECAY[group]
    total = np.zeros((len(time), COUNT))
    weight = np.full((len(time), COUNT), 1e-6)
    for sound in sounds:
        half = 0.5 * (sound.end - sound.start)
        centre = sound.start + half
        first, last = np.searchsorted(time, (sound.start - REACH, sound.end + REACH))
        away = time[first:last] - centre
        beyond = np.maximum(np.abs(away) - PLATEAU * half, 0.0)[:, None]
        side = np.where(away[:, None] < 0.0, decay[0], decay[1])
        dominance = sound.viseme.dominance * np.exp(-beyond / side)
        target = sound.viseme.target * _loudness_gain(sound, loudness)
        total[first:last] += dominance * target
        weight[first:last] += dominance
    return total / weight


def _loudness_gain(sound: Sound, loudness: NDArray[np.floating] | None) -> NDArray[np.float32]:
    """Factor on each channel (C,) by the loudness of a vowel."""
    scale = np.ones(COUNT, np.float32)
    if loudness is None or not sound.viseme.vowel:
        return scale
    first, last = int(sound.start * RATE), int(sound.end * RATE) + 1
    level = loudness[first:last].mean() if last > first else 0.0
    level = float(np.clip(level, -LOUDNESS_RANGE, LOUDNESS_RANGE))
    opening = [CHANNEL[n] for n in ("jawOpen", "mouthLowerDown", "mouthUpperUp")]
    scale[opening] = 1.0 + LOUDNESS * level
    return scale


def closure_envelope(
    closures: Sequence[tuple[float, float]], time: NDArray[np.floating], ramp: float = CLOSURE_RAMP
) -> NDArray[np.float64]:
    """Return 1 within a closure and 0 away from it, with raised-cosine edges, shape (T,).

    Parameters
    ----------
    closures : sequence of (start, end)
        Seconds.
    time : (T,) float
        Seconds, rising.
    ramp : float
        Seconds of each edge.
    """
    out = np.zeros(len(time))
    for start, end in closures:
        first, last = np.searchsorted(time, (start - ramp, end + ramp), side="right")
        t = time[first:last]
        away = np.maximum(np.maximum(start - t, t - end), 0.0) / ramp
        rise = 0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0.0, 1.0))
        out[first:last] = np.maximum(out[first:last], rise)
    return out


def hold_lips_closed(
    channels: NDArray[np.floating], closure: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Bring the lips together where ``closure`` is 1, whatever the channels are.

    The jaw rises most of the way and ``mouthClose`` makes up for the rest.

    Parameters
    ----------
    channels : (T, C) float
    closure : (T,) float
        0..1, from :func:`closure_envelope`.
    """
    out = np.array(channels, np.float64)
    jaw, close = CHANNEL["jawOpen"], CHANNEL["mouthClose"]
    out[:, jaw] *= 1.0 - (1.0 - JAW_IN_CLOSURE) * closure
    out[:, list(LIP_PARTING)] *= (1.0 - closure)[:, None]
    out[:, CHANNEL["mouthFunnel"]] *= 1.0 - (1.0 - FUNNEL_IN_CLOSURE) * closure
    out[:, CHANNEL["tongueOut"]] *= 1.0 - closure
    out[:, close] = np.maximum(out[:, close] * (1.0 - closure), out[:, jaw] * closure)
    return out


def _speech_envelope(sounds: Sequence[Sound], time: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 in speech and short pauses, 0 in long ones, with raised-cosine edges, shape (T,)."""
    out = np.ones(len(time))
    for start, end in _pauses(sounds, float(time[-1]) if len(time) else 0.0):
        if end - start < PAUSE:
            continue
        into = np.clip((time - start) / REST_AFTER, 0.0, 1.0)
        away = np.clip((end - time) / OPEN_BEFORE, 0.0, 1.0)
        rest = np.minimum(into, away)
        out = np.minimum(out, 0.5 + 0.5 * np.cos(np.pi * rest))
    return out


def _pauses(sounds: Sequence[Sound], last: float) -> list[tuple[float, float]]:
    """Stretches of rest in seconds; those at either end reach a second beyond it: no edge there."""
    runs: list[tuple[float, float]] = []
    for sound in sounds:
        if sound.viseme.kind != "rest":
            continue
        if runs and sound.start - runs[-1][1] < 1e-3:
            runs[-1] = (runs[-1][0], sound.end)
        else:
            runs.append((sound.start, sound.end))
    return [(a - 1.0 if a <= 0.0 else a, b + 1.0 if b >= last - 0.02 else b) for a, b in runs]


assert set(CHANNELS) == {name for names in GROUPS.values() for name in names}
