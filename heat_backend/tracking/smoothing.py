# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing without lag that keeps still stretches still and fast moves sharp.

For each frame the mean of a window around it is taken, and the window is the widest whose mean
still agrees with all narrower ones within the noise: the intersection of confidence intervals
(Goldenshluger & Nemirovski 1997; Katkovnik 1999). A blink stops the window, stillness opens it.
Curves that go on evenly, as a head's turns do, are then drawn with a ruler that bends only where
those means do (a Whittaker smoother, Eilers 2003, of as many stiffnesses as there are frames).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import uniform_filter1d

Array = NDArray[np.float64]
REACHES = (1, 2, 3, 5, 8, 12, 18)  # frames to each side
AGREE = 1.7  # standard deviations of a mean within which it agrees
LAGS = (2, 4)  # frames over which noise that lasts is looked for
MOST_LASTING = 2.5  # times the frame-to-frame noise
STIFF = 1000.0  # of the ruler where nothing bends it: what lasts for less than a second goes
GIVES = 8.0  # of the ruler: the pull, in standard deviations of the noise, that quarters it


def noise_level(curves: Array) -> Array:
    """Estimate the standard deviation of the noise of curves (T, C), shape (C,).

    From second differences over one and several frames, of the calmer part: what moves is not
    noise, and a tracker's noise lasts for some frames.
    """
    if len(curves) < 5:
        return np.zeros(curves.shape[1])
    nearest = _bends(curves, 1)
    lasting = np.max([_bends(curves, lag) for lag in LAGS if 2 * lag < len(curves)], axis=0)
    return np.asarray(np.clip(lasting, nearest, MOST_LASTING * nearest))


def _bends(curves: Array, lag: int) -> Array:
    bends = np.abs(curves[2 * lag :] - 2.0 * curves[lag:-lag] + curves[: -2 * lag])
    # Quartile of a Gaussian's absolute value: 0.3186 standard deviations.
    return np.asarray(np.quantile(bends, 0.25, axis=0) / 0.3186 / np.sqrt(6.0))


def smooth(curves: Array, noise: Array, strength: float = 1.0) -> Array:
    """Smooth curves (T, C), each for itself.

    Parameters
    ----------
    curves : ndarray, shape (T, C)
    noise : ndarray, shape (C,)
        Standard deviation of the noise, in the curves' units.
    strength : float
        Factor on ``noise``; 0 leaves the curves as they are.
    """
    if strength <= 0.0 or len(curves) < 3:
        return curves.copy()
    return _twice(curves, _reach(curves, np.maximum(noise * strength, 1e-9)))


def smooth_together(curves: Array, noise: Array, strength: float = 1.0) -> Array:
    """Smooth curves (T, C) alike, as errors that cancel each other need: a head's turn and shift.

    Parameters as for :func:`smooth`.
    """
    if strength <= 0.0 or len(curves) < 3:
        return curves.copy()
    sigma = np.maximum(noise * strength, 1e-9)
    shared = _reach(curves, sigma).min(axis=1, keepdims=True)
    rough = _twice(curves, np.repeat(shared, curves.shape[1], axis=1)) / sigma
    # Over neighbours too: a ruler that gives at one frame only draws corners.
    pull = uniform_filter1d(STIFF * (np.diff(rough, 2, axis=0) ** 2).sum(axis=1), 3)
    return _ruled(curves, STIFF / (1.0 + pull / GIVES**2) ** 2)


def _ruled(curves: Array, stiffness: Array) -> Array:
    """Curves (T, C) nearest to the given ones, with bends held off by ``stiffness`` (T - 2,)."""
    count = len(curves)
    bend = (1.0, -2.0, 1.0)
    bands = np.zeros((3, count))
    bands[2] = 1.0
    for i, first in enumerate(bend):
        for j in range(i, 3):
            bands[2 - (j - i), j : j + count - 2] += first * bend[j] * stiffness
    return np.asarray(solveh_banded(bands, curves))


def _twice(curves: Array, reach: NDArray[np.intp]) -> Array:
    """Mean (T, C) over about ``reach`` (T, C) frames to each side, as two means one by the other.

    One alone lets through what swings faster than its window.
    """
    reach = _gradual(reach)
    half = reach // 2
    return _mean(_mean(curves, reach - half), half)


def _reach(curves: Array, sigma: Array) -> NDArray[np.intp]:
    """Frames to each side (T, C) over which the mean agrees with all narrower ones."""
    reach = np.zeros(curves.shape, np.intp)
    low, high = curves - AGREE * sigma, curves + AGREE * sigma
    going = np.ones(curves.shape, bool)
    for wider in REACHES:
        mean = _mean(curves, np.full(curves.shape, wider))
        band = AGREE * sigma / np.sqrt(2 * wider + 1)
        low, high = np.maximum(low, mean - band), np.minimum(high, mean + band)
        going &= low <= high
        reach[going] = wider
    return reach


def _gradual(reach: NDArray[np.intp]) -> NDArray[np.intp]:
    """Let reaches (T, C) change by one a frame at most: a jump of the window is a jump itself."""
    out = reach.copy()
    for k in range(1, len(out)):
        out[k] = np.minimum(out[k], out[k - 1] + 1)
    for k in range(len(out) - 2, -1, -1):
        out[k] = np.minimum(out[k], out[k + 1] + 1)
    return out


def _mean(curves: Array, reach: NDArray[np.intp]) -> Array:
    """Means (T, C) over ``reach`` (T, C) frames to each side, fewer at the ends."""
    count = len(curves)
    at = np.arange(count)[:, None]
    own = np.minimum(np.minimum(at, count - 1 - at), reach)
    sums = np.concatenate([np.zeros((1, curves.shape[1])), np.cumsum(curves, axis=0)])
    columns = np.arange(curves.shape[1])
    return np.asarray((sums[at + own + 1, columns] - sums[at - own, columns]) / (2 * own + 1))
