# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures of how well a mouth's motion fits a voice: closures, energy and silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from heat_backend.media.mel import RATE
from heat_backend.speech.events import runs
from heat_backend.speech.phonemes import Sound

CLOSED = 0.01
"""Inner lips no further apart than this, in outer-eye distances, count as closed: one pixel of a
face whose outer eye corners are 100 pixels apart."""
SLACK = 0.06  # seconds around a closure in which the lips may meet for it
LAG = 0.08  # seconds by which motion may lead or trail: two frames of 25 a second
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class ClosureScore:
    """How many closures of p, b and m were reached, and when.

    Attributes
    ----------
    wanted, reached : int
    closed_late, opened_late : tuple of float
        Seconds by which the lips closed and opened too late, for closures that were reached and
        have speech before, and after, them.
    extra : int
        Times that the lips were closed within speech for no sound that closes them; f and v may.
    """

    wanted: int
    reached: int
    closed_late: tuple[float, ...]
    opened_late: tuple[float, ...]
    extra: int

    def __add__(self, other: ClosureScore) -> ClosureScore:
        return ClosureScore(
            self.wanted + other.wanted,
            self.reached + other.reached,
            self.closed_late + other.closed_late,
            self.opened_late + other.opened_late,
            self.extra + other.extra,
        )

    @property
    def share(self) -> float:
        """Share of the closures that were reached."""
        return self.reached / max(1, self.wanted)

    @property
    def median_error(self) -> float:
        """Median size of the timing errors, seconds."""
        errors = np.abs(self.closed_late + self.opened_late)
        return float(np.median(errors)) if len(errors) else 0.0


NO_CLOSURES = ClosureScore(0, 0, (), (), 0)


def score_closures(opening: Floats, fps: float, sounds: Sequence[Sound]) -> ClosureScore:
    """Compare the opening of a mouth with the sounds that it should have spoken.

    Parameters
    ----------
    opening : (T,) float
        Distance of the inner lips, outer-eye distances.
    fps : float
    sounds : sequence of Sound
        In order, without gaps.
    """
    time = np.arange(len(opening)) / fps
    closed_at = opening <= CLOSED
    wanted = reached = 0
    closed: list[float] = []
    opened: list[float] = []
    explained = np.zeros(len(closed_at), bool)
    for start, end, before, after in _closing_groups(sounds):
        explained[(time > start - 0.12) & (time < end + 0.12)] = True
        wanted += 1
        inside = np.flatnonzero((time >= start - SLACK) & (time <= end + SLACK) & closed_at)
        if not len(inside):
            continue
        reached += 1
        middle = inside[np.argmin(np.abs(time[inside] - 0.5 * (start + end)))]
        first = last = int(middle)
        while first > 0 and closed_at[first - 1]:
            first -= 1
        while last + 1 < len(closed_at) and closed_at[last + 1]:
            last += 1
        if before and first > 0:
            closed.append(_crossing(opening, first - 1, first) / fps - start)
        if after and last + 1 < len(closed_at):
            opened.append(_crossing(opening, last, last + 1) / fps - end)
    for sound in sounds:
        if sound.viseme.kind in ("rest", "labiodental"):
            explained[(time > sound.start - 0.15) & (time < sound.end + 0.15)] = True
    extra = sum(not explained[a:b].any() for a, b in runs(closed_at))
    return ClosureScore(wanted, reached, tuple(closed), tuple(opened), extra)


def _closing_groups(sounds: Sequence[Sound]) -> list[tuple[float, float, bool, bool]]:
    """Start and end of each closure, neighbours such as mp as one; and whether speech adjoins."""
    out: list[tuple[float, float, bool, bool]] = []
    i = 0
    while i < len(sounds):
        if not sounds[i].viseme.closes_lips:
            i += 1
            continue
        j = i
        while j + 1 < len(sounds) and sounds[j + 1].viseme.closes_lips:
            j += 1
        before = i > 0 and sounds[i - 1].viseme.kind != "rest"
        after = j + 1 < len(sounds) and sounds[j + 1].viseme.kind != "rest"
        out.append((sounds[i].start, sounds[j].end, before, after))
        i = j + 1
    return out


def _crossing(opening: Floats, left: int, right: int) -> float:
    a, b = float(opening[left]), float(opening[right])
    return left + (CLOSED - a) / (b - a) if a != b else float(right)


def energy_envelope(samples: Floats, time: Floats, band: tuple[float, float]) -> Floats:
    """Return a voice's energy envelope at the times of frames, band-limited.

    Parameters
    ----------
    samples : (N,) float
        16 kHz.
    time : (T,) float
        Seconds.
    band : (low, high)
        Hz; low 0 keeps the slow part too.
    """
    hop = RATE // 100
    count = len(samples) // hop
    rms = np.sqrt((samples[: count * hop].reshape(count, hop) ** 2).mean(axis=1))
    smooth = in_band(rms, 100.0, band)
    return np.asarray(np.interp(time, (np.arange(count) + 0.5) / 100.0, smooth))


def in_band(curve: Floats, rate: float, band: tuple[float, float]) -> Floats:
    """Filter a curve without delay to ``band`` Hz."""
    low, high = band
    if low > 0.0:
        sos = butter(2, (low, high), "bandpass", fs=rate, output="sos")
    else:
        sos = butter(2, high, "lowpass", fs=rate, output="sos")
    return np.asarray(sosfiltfilt(sos, curve, padlen=min(len(curve) - 1, int(rate))))


def correlation(first: Floats, second: Floats, fps: float, lag: float = LAG) -> tuple[float, float]:
    """Return the best correlation within ``lag`` and the seconds by which ``first`` trails."""
    best, at = -1.0, 0
    reach = int(lag * fps + 1e-6)
    for shift in range(-reach, reach + 1):
        a = first[max(0, shift) : len(first) + min(0, shift)]
        b = second[max(0, -shift) : len(second) + min(0, -shift)]
        if a.std() > 1e-9 and b.std() > 1e-9:
            value = float(np.corrcoef(a, b)[0, 1])
            if value > best:
                best, at = value, shift
    return best, at / fps


def silences(samples: Floats, least: float = 0.4, below: float = 35.0) -> list[tuple[float, float]]:
    """Return the stretches in seconds that stay ``below`` dB under the loudest twentieth."""
    hop = RATE // 50
    count = len(samples) // hop
    rms = np.sqrt((samples[: count * hop].reshape(count, hop) ** 2).mean(axis=1)) + 1e-9
    quiet = rms < np.percentile(rms, 95) * 10.0 ** (-below / 20.0)
    return [(a / 50.0, b / 50.0) for a, b in runs(quiet) if (b - a) / 50.0 > least]
