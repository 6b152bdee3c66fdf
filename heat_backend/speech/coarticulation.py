# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds with times become curves of the mouth, by dominance functions.

Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", in Models and Techniques
in Computer Animation (1993): every sound pulls each channel toward its target with a dominance
that falls off exponentially in time before and after it, and the channel follows the weighted
mean of all targets. What must not be averaged away, the meeting of the lips for p, b and m, is
laid over it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from heat_backend.speech.phonemes import Sound
from heat_backend.speech.visemes import CHANNEL, CHANNELS, CLASSES, COUNT, GROUPS, PARTING

RATE = 100
"""Frames a second of the curves."""

# Seconds after which a dominance has fallen to 1/e, before and after the sound. Rounding
# begins early and lasts; the tongue's tip is quick.
FALL: dict[str, tuple[float, float]] = {
    "jaw": (0.042, 0.045),
    "part": (0.036, 0.038),
    "seal": (0.022, 0.022),
    "round": (0.075, 0.065),
    "spread": (0.060, 0.055),
    "tongue": (0.025, 0.025),
}
PLATEAU = 0.6  # of a sound's length at full dominance
SMOOTH = 0.012  # seconds
LOUDNESS = 0.35  # how much of a vowel's opening depends on its loudness
REACH = 0.5  # seconds around a sound beyond which it counts for nothing

SHUT_RAMP = 0.045
"""Seconds in which the lips come together before a closure, and part after it."""
JAW_WHILE_SHUT = 0.18
"""What is left of the jaw's opening while the lips are shut; mouthClose makes up for it."""
PAUSE = 0.22
"""Seconds of rest after which the mouth is quite shut."""
PAUSE_MARGIN = (0.16, 0.10)
"""Seconds that the mouth takes to shut after speech, and to open before it."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What the network learns for one stretch of speech, at ``RATE``.

    Attributes
    ----------
    channels : (T, C) float32
    shut : (T,) float32
        1 while the lips are together for p, b, m.
    speech : (T,) float32
        1 where somebody speaks.
    kind : (T,) int64
        Index into ``CLASSES``.
    """

    channels: NDArray[np.float32]
    shut: NDArray[np.float32]
    speech: NDArray[np.float32]
    kind: NDArray[np.int64]


def targets(
    sounds: Sequence[Sound], frames: int, loudness: NDArray[np.floating] | None = None
) -> Targets:
    """Make the curves of a sequence of sounds.

    Parameters
    ----------
    sounds : sequence of Sound
        In order, without gaps.
    frames : int
        Number of frames; frame i stands at i / RATE seconds.
    loudness : (frames,) float, optional
        Loudness against the usual one, in units of its spread; opens vowels more or less.
    """
    time = np.arange(frames) / RATE
    channels = _blend(sounds, time, loudness)
    closures = [(s.start, s.end) for s in sounds if s.viseme.shuts]
    shut = shut_envelope(closures, time)
    channels = gaussian_filter1d(channels, SMOOTH * RATE, axis=0, mode="nearest")
    channels = shut_lips(channels, shut)
    channels *= _awake(sounds, time)[:, None]
    kind = np.zeros(frames, np.int64)
    for sound in sounds:
        kind[(time >= sound.start) & (time < sound.end)] = CLASSES.index(sound.viseme.kind)
    held = np.zeros(frames, np.float32)
    for start, end in closures:
        held[(time >= start - 0.005) & (time <= end + 0.005)] = 1.0
    return Targets(channels.astype(np.float32), held, (kind != 0).astype(np.float32), kind)


def _blend(
    sounds: Sequence[Sound], time: NDArray[np.floating], loudness: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    fall = np.zeros((2, COUNT))
    for group, names in GROUPS.items():
        for name in names:
            fall[:, CHANNEL[name]] = FALL[group]
    total = np.zeros((len(time), COUNT))
    weight = np.full((len(time), COUNT), 1e-6)
    for sound in sounds:
        half = 0.5 * (sound.end - sound.start)
        centre = sound.start + half
        first, last = np.searchsorted(time, (sound.start - REACH, sound.end + REACH))
        away = time[first:last] - centre
        beyond = np.maximum(np.abs(away) - PLATEAU * half, 0.0)[:, None]
        side = np.where(away[:, None] < 0.0, fall[0], fall[1])
        dominance = sound.viseme.alpha * np.exp(-beyond / side)
        aim = sound.viseme.target * _opening(sound, loudness)
        total[first:last] += dominance * aim
        weight[first:last] += dominance
    return total / weight


def _opening(sound: Sound, loudness: NDArray[np.floating] | None) -> NDArray[np.float32]:
    scale = np.ones(COUNT, np.float32)
    if loudness is None or not sound.viseme.vowel:
        return scale
    first, last = int(sound.start * RATE), int(sound.end * RATE) + 1
    level = float(np.clip(loudness[first:last].mean() if last > first else 0.0, -1.5, 1.5))
    opening = [CHANNEL[n] for n in ("jawOpen", "mouthLowerDown", "mouthUpperUp")]
    scale[opening] = 1.0 + LOUDNESS * level
    return scale


def shut_envelope(
    closures: Sequence[tuple[float, float]], time: NDArray[np.floating], ramp: float = SHUT_RAMP
) -> NDArray[np.float64]:
    """Return how far the lips are brought together: 1 within a closure, 0 away from it.

    Parameters
    ----------
    closures : sequence of (start, end)
        Seconds.
    time : (T,) float
        Seconds, rising.
    ramp : float
        Seconds of coming together and of parting.
    """
    out = np.zeros(len(time))
    for start, end in closures:
        first, last = np.searchsorted(time, (start - ramp, end + ramp), side="right")
        t = time[first:last]
        away = np.maximum(np.maximum(start - t, t - end), 0.0) / ramp
        rise = 0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0.0, 1.0))
        out[first:last] = np.maximum(out[first:last], rise)
    return out


def shut_lips(channels: NDArray[np.floating], shut: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bring the lips together where ``shut`` is 1, whatever the channels say.

    The jaw rises most of the way and ``mouthClose`` makes up for the rest.

    Parameters
    ----------
    channels : (T, C) float
    shut : (T,) float
        0..1.
    """
    out = np.array(channels, np.float64)
    jaw, close = CHANNEL["jawOpen"], CHANNEL["mouthClose"]
    out[:, jaw] *= 1.0 - (1.0 - JAW_WHILE_SHUT) * shut
    out[:, list(PARTING)] *= (1.0 - shut)[:, None]
    out[:, CHANNEL["mouthFunnel"]] *= 1.0 - 0.8 * shut
    out[:, CHANNEL["tongueOut"]] *= 1.0 - shut
    out[:, close] = np.maximum(out[:, close] * (1.0 - shut), out[:, jaw] * shut)
    return out


def _awake(sounds: Sequence[Sound], time: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 in speech and short pauses, 0 in long ones, with soft edges."""
    out = np.ones(len(time))
    closing, opening = PAUSE_MARGIN
    for start, end in _pauses(sounds, float(time[-1]) if len(time) else 0.0):
        if end - start < PAUSE:
            continue
        into = np.clip((time - start) / closing, 0.0, 1.0)
        away = np.clip((end - time) / opening, 0.0, 1.0)
        rest = np.minimum(into, away)
        out = np.minimum(out, 0.5 + 0.5 * np.cos(np.pi * rest))
    return out


def _pauses(sounds: Sequence[Sound], last: float) -> list[tuple[float, float]]:
    """Stretches of rest; those at either end reach beyond it, so that nothing opens there."""
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
