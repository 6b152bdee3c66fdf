# SPDX-License-Identifier: GPL-3.0-or-later
"""Small signs of life beside the mouth: blinks, brows on stressed moments, a swaying head.

Everything comes from one seed and from the voice; the first frame is at rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bridge.coefficients import EXPRESSION_INDEX
from bridge.ramps import smoothstep

BLINK_MEAN, BLINK_SPREAD, BLINK_LEAST = 3.6, 0.45, 1.2  # seconds, log-normal
BLINK_SHUT, BLINK_HELD, BLINK_OPEN = 0.08, 0.03, 0.17
BLINK_AT_PAUSE = 0.5  # seconds around the end of a phrase to which a blink is drawn
STRESS = 0.9  # spreads above the usual loudness
ACCENT_EVERY = 1.4  # seconds at least
ACCENT_RISE, ACCENT_FALL = 0.16, 0.42
BROWS = {"browInnerUp": 0.22, "browOuterUpLeft": 0.12, "browOuterUpRight": 0.12}
NOD = 1.6  # degrees on a stressed moment
SWAY = (1.0, 1.8, 0.9)  # degrees of pitch, yaw, roll; one spread
SWAY_SECONDS = (0.9, 1.6, 1.3)
STILL_SHARE = 0.4  # of the sway while nobody speaks
FADE_IN = 0.8

Array = NDArray[np.float32]
Span = tuple[float, float]


def add_idle_motion(
    expression: Array,
    time: NDArray[np.floating],
    speech: list[Span],
    loudness: NDArray[np.floating],
    seed: int,
) -> tuple[Array, Array]:
    """Add blinks and brows to the mouth's motion, and make a sway of the head.

    Parameters
    ----------
    expression : (T, 52) float32
    time : (T,) float
        Seconds of the frames.
    speech : list of (start, end)
        Seconds.
    loudness : (T,) float
        Against the usual, in spreads; about 0 in pauses.
    seed : int

    Returns
    -------
    (T, 52) float32, (T, 3) float32
        Coefficients, and rotation in radians.
    """
    random = np.random.default_rng(seed)
    out = expression.copy()
    lids = _blinks(time, speech, random)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        out[:, EXPRESSION_INDEX[name]] = lids
    accents = _accents(time, loudness, random)
    for name, size in BROWS.items():
        out[:, EXPRESSION_INDEX[name]] += size * accents
    return out, _sway(time, speech, accents, random)


def _blinks(time: NDArray[np.floating], speech: list[Span], random: np.random.Generator) -> Array:
    out = np.zeros(len(time), np.float32)
    ends = np.array([end for _, end in speech])
    at = float(random.uniform(0.6, 2.5))
    last = float(time[-1])
    while at < last:
        near = ends[np.abs(ends - at) < BLINK_AT_PAUSE]
        peak = float(near[0]) + 0.05 if len(near) else at
        away = time - peak
        shape = np.where(
            away < 0.0,
            1.0 + away / BLINK_SHUT,
            1.0 - np.maximum(0.0, away - BLINK_HELD) / BLINK_OPEN,
        )
        nearest = int(np.argmin(np.abs(away)))
        shape[nearest] = 1.0  # one frame sees the lids quite shut, at any rate
        out = np.maximum(out, smoothstep(0.0, 1.0, shape).astype(np.float32))
        wait = random.lognormal(np.log(BLINK_MEAN), BLINK_SPREAD)
        at = peak + max(BLINK_LEAST, float(wait))
    return out


def _accents(
    time: NDArray[np.floating], loudness: NDArray[np.floating], random: np.random.Generator
) -> Array:
    """Peaks of loudness that stand out, as soft bumps of height 0.5 to 1."""
    out = np.zeros(len(time), np.float32)
    if len(time) < 3:
        return out
    rising = (loudness[1:-1] >= loudness[:-2]) & (loudness[1:-1] > loudness[2:])
    peaks = np.flatnonzero(rising & (loudness[1:-1] > STRESS)) + 1
    last = -ACCENT_EVERY
    for peak in peaks:
        if time[peak] - last < ACCENT_EVERY or random.random() < 0.35:
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
    rate = (len(time) - 1) / max(1e-6, float(time[-1] - time[0])) if len(time) > 1 else 1.0
    alive = np.full(len(time), STILL_SHARE)
    for start, end in speech:
        alive[(time >= start) & (time <= end)] = 1.0
    alive = gaussian_filter1d(alive, 0.5 * rate, mode="nearest")
    alive *= np.clip(time / FADE_IN, 0.0, 1.0)
    out = np.zeros((len(time), 3))
    for axis, (degrees, seconds) in enumerate(zip(SWAY, SWAY_SECONDS, strict=True)):
        wave = _drift(len(time), rate, seconds, random)
        out[:, axis] = np.radians(degrees) * (wave - wave[0]) * alive
    nod = gaussian_filter1d(accents.astype(np.float64), 0.06 * rate, mode="nearest")
    out[:, 0] += np.radians(NOD) * nod * np.clip(time / FADE_IN, 0.0, 1.0)
    return out.astype(np.float32)


def _drift(
    count: int, rate: float, seconds: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Smooth noise of unit spread: knots by chance, a spline-like curve through them."""
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
