# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle motion beside the mouth: blinks, brow raises on stressed syllables, a swaying head.

All of it follows from one seed and from the voice; the head of the first frame is at rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bridge.coefficients import EXPRESSION_INDEX
from bridge.ramps import smoothstep

# People blink 17 times a minute at rest and 26 times in conversation (Bentivoglio et al. 1997),
# often at the ends of phrases. All sizes here were tuned by eye on rendered clips.
BLINK_MEDIAN, BLINK_SPREAD, BLINK_LEAST = 3.6, 0.45, 1.2
"""Of the time between two blinks: median in seconds, deviation of its logarithm, least seconds."""
BLINK_CLOSE, BLINK_HOLD, BLINK_OPEN = 0.08, 0.03, 0.17  # seconds
BLINK_AT_PAUSE = 0.5  # seconds around the end of a phrase within which a blink is moved to it
BLINK_AFTER_PHRASE = 0.05  # seconds
STRESS = 0.9  # standard deviations above the mean level
ACCENT_EVERY = 1.4  # seconds at least
ACCENT_SKIPPED = 0.35  # of the stressed syllables, by chance
ACCENT_RISE, ACCENT_FALL = 0.16, 0.42  # seconds
BROWS = {"browInnerUp": 0.22, "browOuterUpLeft": 0.12, "browOuterUpRight": 0.12}
NOD = 1.6  # degrees on a stressed moment
SWAY = (1.0, 1.8, 0.9)  # degrees of pitch, yaw, roll: one standard deviation
SWAY_SECONDS = (0.9, 1.6, 1.3)  # between the knots of each axis
REST_SHARE = 0.4  # of the sway while nobody speaks
FADE_IN = 0.8  # seconds

Array = NDArray[np.float32]
Span = tuple[float, float]


def add_idle_motion(
    expression: Array,
    time: NDArray[np.floating],
    speech: list[Span],
    stress: NDArray[np.floating],
    seed: int,
) -> tuple[Array, Array]:
    """Add blinks and brows to the mouth's motion, and make the sway of the head.

    Parameters
    ----------
    expression : (T, 52) float32
    time : (T,) float
        Seconds of the frames.
    speech : list of (start, end)
        Seconds.
    stress : (T,) float
        From :func:`heat_backend.speech.loudness.stress`.
    seed : int

    Returns
    -------
    (T, 52) float32, (T, 3) float32
        Expressions, and rotation of the head in radians.
    """
    random = np.random.default_rng(seed)
    out = expression.copy()
    lids = _blinks(time, speech, random)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        out[:, EXPRESSION_INDEX[name]] = lids
    accents = _accents(time, stress, random)
    for name, size in BROWS.items():
        out[:, EXPRESSION_INDEX[name]] += size * accents
    return out, _sway(time, speech, accents, random)


def _blinks(time: NDArray[np.floating], speech: list[Span], random: np.random.Generator) -> Array:
    """How far the lids are closed, shape (T,), 0..1."""
    out = np.zeros(len(time), np.float32)
    ends = np.array([end for _, end in speech])
    at = float(random.uniform(0.6, 2.5))
    last = float(time[-1])
    while at < last:
        near = ends[np.abs(ends - at) < BLINK_AT_PAUSE]
        peak = float(near[0]) + BLINK_AFTER_PHRASE if len(near) else at
        away = time - peak
        shape = np.where(
            away < 0.0,
            1.0 + away / BLINK_CLOSE,
            1.0 - np.maximum(0.0, away - BLINK_HOLD) / BLINK_OPEN,
        )
        nearest = int(np.argmin(np.abs(away)))
        shape[nearest] = 1.0  # at any frame rate one frame shows closed lids
        out = np.maximum(out, smoothstep(0.0, 1.0, shape).astype(np.float32))
        wait = random.lognormal(np.log(BLINK_MEDIAN), BLINK_SPREAD)
        at = peak + max(BLINK_LEAST, float(wait))
    return out


def _accents(
    time: NDArray[np.floating], stress: NDArray[np.floating], random: np.random.Generator
) -> Array:
    """Stressed moments as soft bumps of height 0.5 to 1, shape (T,)."""
    out = np.zeros(len(time), np.float32)
    if len(time) < 3:
        return out
    highest = (stress[1:-1] >= stress[:-2]) & (stress[1:-1] > stress[2:])
    peaks = np.flatnonzero(highest & (stress[1:-1] > STRESS)) + 1
    last = -ACCENT_EVERY
    for peak in peaks:
        if time[peak] - last < ACCENT_EVERY or random.random() < ACCENT_SKIPPED:
            continue
        last = float(time[peak])
        away = time - last
        bump = np.where(away < 0.0, 1.0 + away / ACCENT_RISE, 1.0 - away / ACCENT_FALL)
        height = float(random.uniform(0.5, 1.0))
        out = np.maximum(out, (height * smoothstep(0.0, 1.0, bump)).astype(np.float32))
    return out


def _sway(
    time: NDArray[np.floating], speech: list[Span], accents: Array, random: np.random.Generator
) -> Array:
    """Rotation of the head (T, 3) in radians: slow noise, and a nod with each accent."""
    rate = (len(time) - 1) / max(1e-6, float(time[-1] - time[0])) if len(time) > 1 else 1.0
    strength = np.full(len(time), REST_SHARE)
    for start, end in speech:
        strength[(time >= start) & (time <= end)] = 1.0
    strength = gaussian_filter1d(strength, 0.5 * rate, mode="nearest")
    strength *= np.clip(time / FADE_IN, 0.0, 1.0)
    out = np.zeros((len(time), 3))
    for axis, (degrees, seconds) in enumerate(zip(SWAY, SWAY_SECONDS, strict=True)):
        wave = _drift(len(time), rate, seconds, random)
        out[:, axis] = np.radians(degrees) * (wave - wave[0]) * strength
    nod = gaussian_filter1d(accents.astype(np.float64), 0.06 * rate, mode="nearest")
    out[:, 0] += np.radians(NOD) * nod * np.clip(time / FADE_IN, 0.0, 1.0)
    return out.astype(np.float32)


def _drift(
    count: int, rate: float, seconds: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Smooth noise (T,) of unit deviation: Catmull-Rom spline through normal random knots."""
    knots = random.standard_normal(int(count / rate / seconds) + 4)
    at = np.arange(count) / rate / seconds + 1.0
    index = at.astype(int)
    t = at - index
    before, here, after, later = (knots[index + i] for i in (-1, 0, 1, 2))
    cubic = here + 0.5 * t * (
        after
        - before
        + t
        * (2 * before - 5 * here + 4 * after - later + t * (3 * (here - after) + later - before))
    )
    return np.asarray(np.clip(cubic, -2.0, 2.0))
