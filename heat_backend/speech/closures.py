# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds where the lips meet for p, b and m, so that every one of them is a whole closure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heat_backend.speech.activity import runs

SURE, PERHAPS = 0.06, 0.03
"""Probability that makes a closure, and the one down to which its surroundings are looked at."""
EDGE = 0.5
"""A closure lasts while the probability is above this share of its peak."""
TRIM = 0.008
"""Seconds taken off either end: what the network's own steps blur."""
BETWEEN = 0.045
"""Seconds of opening that are too short to be one."""
SHORTEST = 0.03
LONGEST = 0.35

Span = tuple[float, float]


def closures(probability: NDArray[np.floating], rate: float, delay: float) -> list[Span]:
    """Return the closures in seconds.

    Parameters
    ----------
    probability : (S,) float
        That the lips are together.
    rate : float
        Steps a second.
    delay : float
        Second at which step 0 stands.
    """
    found: list[Span] = []
    for low, high in runs(probability > PERHAPS):
        peak = float(probability[low:high].max())
        if peak < SURE:
            continue
        edge = EDGE * peak
        for first, last in runs(probability[low:high] >= edge):
            start = _crossing(probability, low + first, -1, edge) / rate + delay + TRIM
            end = _crossing(probability, low + last - 1, 1, edge) / rate + delay - TRIM
            grow = max(0.0, SHORTEST - (end - start)) / 2.0
            found.append((start - grow, min(end + grow, start - grow + LONGEST)))
    return _joined(found)


def _joined(found: list[Span]) -> list[Span]:
    """One closure of those between which no sound would have room."""
    out: list[Span] = []
    for start, end in found:
        if out and start - out[-1][1] < BETWEEN:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def _crossing(probability: NDArray[np.floating], at: int, way: int, edge: float) -> float:
    """Step, with its fraction, at which the probability falls below ``edge``."""
    beyond = at + way
    if not 0 <= beyond < len(probability):
        return float(at)
    here, there = float(probability[at]), float(probability[beyond])
    return at + way * (here - edge) / max(1e-6, here - there)


def on_frames(found: list[Span], time: NDArray[np.floating]) -> list[Span]:
    """Stretch each closure that falls between two frames to the nearer one.

    Parameters
    ----------
    found : list of (start, end)
        Seconds.
    time : (T,) float
        Seconds of the frames, rising.
    """
    out: list[Span] = []
    for start, end in found:
        after = int(np.searchsorted(time, start))
        if after < len(time) and time[after] <= end:
            out.append((start, end))
            continue
        near = [float(time[i]) for i in (after - 1, after) if 0 <= i < len(time)]
        if near:
            frame = min(near, key=lambda t: max(start - t, t - end))
            out.append((min(start, frame), max(end, frame)))
    return out
