# SPDX-License-Identifier: GPL-3.0-or-later
"""When somebody speaks, and how a mouth comes to rest when nobody does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SILENT_DBFS = -66.0
"""Below this, counted in the mel bands' mean energy, there is nothing to be heard."""
BELOW_LOUD = 32.0
"""Decibels below the loudest moments around at which speech ends for certain."""
ABOVE_QUIET = 3.0
"""Decibels above the background below which nothing is speech, where speech stands out."""
STANDS_OUT = 12.0
ON, OFF = 0.55, 0.35
SHORTEST_SPEECH = 0.14
SHORTEST_PAUSE = 0.24
CLOSING, OPENING = 0.14, 0.09
"""Seconds in which the mouth comes to rest after speech, and opens before it."""

Array = NDArray[np.float32]
DECIBEL = float(10.0 / np.log(10.0))
"""Decibels of one unit of a level."""


def decibels(levels: NDArray[np.floating]) -> Array:
    """Turn levels of ``mel.level`` into decibels of full scale.

    A full-scale sine gives about 0; the constant is the window's energy.
    """
    return np.asarray(levels * DECIBEL - 20.0, np.float32)


def speaking(probability: Array, levels: Array, loud: Array, quiet: Array) -> NDArray[np.bool_]:
    """Tell where somebody speaks.

    Parameters
    ----------
    probability : (S,) float32
        What the network says.
    levels, loud, quiet : (S,) float32
        Loudness of the step, of the loudest twentieth and the quietest tenth around it.
    """
    level, top, bottom = decibels(levels), decibels(loud), decibels(quiet)
    heard = (level > SILENT_DBFS) & (level > top - BELOW_LOUD)
    heard &= (level > bottom + ABOVE_QUIET) | (top - bottom < STANDS_OUT)
    return _hysteresis(np.where(heard, probability, 0.0))


def _hysteresis(value: NDArray[np.floating]) -> NDArray[np.bool_]:
    out = np.zeros(len(value), bool)
    for first, last in runs(value > OFF):
        if (value[first:last] > ON).any():
            out[first:last] = True
    return out


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open ranges in which ``mask`` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def spans(active: NDArray[np.bool_], rate: float) -> list[tuple[float, float]]:
    """Return the stretches of speech in seconds, short pauses bridged and clicks left out."""
    found = [(a / rate, b / rate) for a, b in runs(active)]
    joined: list[tuple[float, float]] = []
    for start, end in found:
        if joined and start - joined[-1][1] < SHORTEST_PAUSE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(a, b) for a, b in joined if b - a >= SHORTEST_SPEECH]


def speech_envelope(speech: list[tuple[float, float]], time: NDArray[np.floating]) -> Array:
    """Return 1 while the mouth speaks and 0 while it rests, with soft edges.

    Parameters
    ----------
    speech : list of (start, end)
        Seconds.
    time : (T,) float
        Seconds, rising.
    """
    out = np.zeros(len(time))
    for start, end in speech:
        first, last = np.searchsorted(time, (start - OPENING, end + CLOSING))
        t = time[first:last]
        into = np.clip((t - start + OPENING) / OPENING, 0.0, 1.0)
        away = np.clip((end + CLOSING - t) / CLOSING, 0.0, 1.0)
        rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(into, away))
        out[first:last] = np.maximum(out[first:last], rise)
    return out.astype(np.float32)
