# SPDX-License-Identifier: GPL-3.0-or-later
"""When somebody speaks and when the lips close, read off the network's probabilities.

Both are found by hysteresis: a stretch counts where the probability stays above a low threshold
and exceeds a high one somewhere in it. Speech must also stand out of the background, and a closure
must coincide with a dip of the voice's level unless the network is certain of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heat_backend.media import mel
from heat_backend.speech.inference import AudioFeatures, NetworkOutput
from heat_backend.speech.network import RATE, STEP

# All thresholds were tuned on synthesised sentences and recorded speech, see MODEL_CARD.md.
SILENT_DBFS = -66.0
"""Below this level, in dB of full scale, there is no sound."""
BELOW_LOUD = 32.0
"""Decibels below the loudest moments around at which speech ends for certain."""
ABOVE_QUIET, STANDS_OUT = 3.0, 12.0
"""Decibels above the background that speech has at least, where the loudest moments stand out of
the background by the latter."""
SPEECH_HIGH, SPEECH_LOW = 0.55, 0.35
"""Hysteresis thresholds of the probability of speech."""
SHORTEST_SPEECH, SHORTEST_PAUSE = 0.14, 0.24
"""Seconds: shorter speech is a click, a shorter pause is part of the speech around it."""
REST_AFTER, OPEN_BEFORE = 0.14, 0.09
"""Seconds in which the mouth comes to rest after speech, and opens before it."""

CLOSURE_HIGH, CLOSURE_LOW = 0.06, 0.03
"""Hysteresis thresholds of the probability of a closure."""
EDGE = 0.5
"""A closure lasts while the probability is above this share of its peak."""
TRIM = 0.008
"""Seconds taken off either end: the blur of the network's 20 ms steps."""
SHORTEST_OPENING = 0.045
"""Seconds between two closures below which they are one."""
SHORTEST_CLOSURE, LONGEST_CLOSURE = 0.03, 0.35
"""Seconds."""
STEP_DELAY = 0.5 * (STEP - 1) * mel.HOP / mel.RATE
"""Second at which the network's first step stands: the middle of its log-mel frames."""
DIPS = ((0.14, 24.0), (0.4, 15.0), (0.6, 12.0), (0.9, 8.0))
"""Closed lips make a voice softer than it is around them. Up to each probability, the decibels of
the dip that a closure needs; above the last probability it needs none."""
DIP_AROUND = 12  # log-mel frames on either side against which a dip is measured
SPEECH_MARGIN = 0.1  # seconds by which a closure may reach beyond a stretch of speech

DECIBEL = float(10.0 / np.log(10.0))
"""Decibels of one unit of a level."""

Array = NDArray[np.float32]
Span = tuple[float, float]


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open ranges of indices in which ``mask`` (N,) holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _joined(spans: list[Span], shortest_gap: float) -> list[Span]:
    """Join spans with less than ``shortest_gap`` seconds between them."""
    out: list[Span] = []
    for start, end in spans:
        if out and start - out[-1][1] < shortest_gap:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def detect_speech(features: AudioFeatures, output: NetworkOutput) -> NDArray[np.bool_]:
    """Tell in which steps (S,) somebody speaks, by the network and by the level."""
    frames = slice(0, len(output.speech) * STEP)
    level = _decibels(features.levels[frames].reshape(-1, STEP).max(axis=1))
    loud, quiet = (
        _decibels(features.loud[frames][::STEP]),
        _decibels(features.quiet[frames][::STEP]),
    )
    audible = (level > SILENT_DBFS) & (level > loud - BELOW_LOUD)
    audible &= (level > quiet + ABOVE_QUIET) | (loud - quiet < STANDS_OUT)
    probability = np.where(audible, output.speech, 0.0)
    active = np.zeros(len(probability), bool)
    for first, last in runs(probability > SPEECH_LOW):
        active[first:last] = (probability[first:last] > SPEECH_HIGH).any()
    return active


def _decibels(levels: NDArray[np.floating]) -> Array:
    """Levels of :func:`heat_backend.media.mel.level` in dB, about 0 for a full-scale sine."""
    return np.asarray(levels * DECIBEL - 20.0, np.float32)


def speech_spans(active: NDArray[np.bool_], rate: float = RATE) -> list[Span]:
    """Return the stretches of speech in seconds, short pauses bridged and clicks left out.

    Parameters
    ----------
    active : (S,) bool
        From :func:`detect_speech`.
    rate : float
        Steps a second.
    """
    joined = _joined([(a / rate, b / rate) for a, b in runs(active)], SHORTEST_PAUSE)
    return [(a, b) for a, b in joined if b - a >= SHORTEST_SPEECH]


def speech_envelope(spans: list[Span], time: NDArray[np.floating]) -> Array:
    """Return 1 while the mouth speaks and 0 while it rests, with raised-cosine edges.

    Parameters
    ----------
    spans : list of (start, end)
        Stretches of speech, seconds.
    time : (T,) float
        Seconds, rising.
    """
    out = np.zeros(len(time))
    for start, end in spans:
        first, last = np.searchsorted(time, (start - OPEN_BEFORE, end + REST_AFTER))
        t = time[first:last]
        into = np.clip((t - start + OPEN_BEFORE) / OPEN_BEFORE, 0.0, 1.0)
        away = np.clip((end + REST_AFTER - t) / REST_AFTER, 0.0, 1.0)
        rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(into, away))
        out[first:last] = np.maximum(out[first:last], rise)
    return out.astype(np.float32)


def detect_closures(
    features: AudioFeatures,
    output: NetworkOutput,
    active: NDArray[np.bool_],
    speech: list[Span],
) -> list[Span]:
    """Return the closures of p, b and m in seconds: within speech, and with a dip of the voice.

    Parameters
    ----------
    features : AudioFeatures
    output : NetworkOutput
    active : (S,) bool
        From :func:`detect_speech`.
    speech : list of (start, end)
        From :func:`speech_spans`.
    """
    return [
        closure
        for closure in closure_spans(output.closure * active, RATE, STEP_DELAY)
        if _voice_dips(features, output, closure) and _within(closure, speech)
    ]


def closure_spans(probability: NDArray[np.floating], rate: float, delay: float) -> list[Span]:
    """Return the closures in seconds that the probability alone tells of.

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
    for low, high in runs(probability > CLOSURE_LOW):
        peak = float(probability[low:high].max())
        if peak < CLOSURE_HIGH:
            continue
        edge = EDGE * peak
        for first, last in runs(probability[low:high] >= edge):
            start = _crossing(probability, low + first, -1, edge) / rate + delay + TRIM
            end = _crossing(probability, low + last - 1, 1, edge) / rate + delay - TRIM
            grow = max(0.0, SHORTEST_CLOSURE - (end - start)) / 2.0
            found.append((start - grow, min(end + grow, start - grow + LONGEST_CLOSURE)))
    return _joined(found, SHORTEST_OPENING)


def _crossing(probability: NDArray[np.floating], at: int, way: int, edge: float) -> float:
    """Step, with its fraction, at which the probability falls below ``edge`` beside ``at``."""
    beyond = at + way
    if not 0 <= beyond < len(probability):
        return float(at)
    here, there = float(probability[at]), float(probability[beyond])
    return at + way * (here - edge) / max(1e-6, here - there)


def _voice_dips(features: AudioFeatures, output: NetworkOutput, closure: Span) -> bool:
    """Tell whether the level dips as ``DIPS`` asks for."""
    steps = slice(max(0, int(closure[0] * RATE) - 1), int(closure[1] * RATE) + 2)
    probability = float(output.closure[steps].max(initial=0.0))
    if probability > DIPS[-1][0]:
        return True
    first, last = (max(0, round(second * mel.RATE / mel.HOP)) for second in closure)
    inside = features.levels[max(0, first - 1) : last + 1]
    around = features.levels[max(0, first - DIP_AROUND) : last + 1 + DIP_AROUND]
    if not len(inside):
        return False
    dip = DECIBEL * float(around.max() - inside.min())
    return dip > next(least for below, least in DIPS if probability <= below)


def _within(closure: Span, speech: list[Span]) -> bool:
    start, end = closure
    return any(a - SPEECH_MARGIN <= start and end <= b + SPEECH_MARGIN for a, b in speech)


def on_frames(closures: list[Span], time: NDArray[np.floating]) -> list[Span]:
    """Stretch each closure that falls between two frames to the nearer one.

    Parameters
    ----------
    closures : list of (start, end)
        Seconds.
    time : (T,) float
        Seconds of the frames, rising.
    """
    out: list[Span] = []
    for start, end in closures:
        after = int(np.searchsorted(time, start))
        if after < len(time) and time[after] <= end:
            out.append((start, end))
            continue
        near = [float(time[i]) for i in (after - 1, after) if 0 <= i < len(time)]
        if near:
            frame = min(near, key=lambda t: max(start - t, t - end))
            out.append((min(start, frame), max(end, frame)))
    return out
