# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing without lag that keeps still stretches still and fast moves sharp.

For each frame the mean of a window around it is taken, and the window is the widest whose mean
still agrees with all narrower ones within the noise: the intersection of confidence intervals
(Goldenshluger & Nemirovski 1997; Katkovnik 1999). A blink stops the window, stillness opens it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
REACHES = (1, 2, 3, 5, 8, 12, 18)  # frames to each side
AGREE = 1.7  # standard deviations of a mean within which it agrees
LAGS = (1, 2, 4)
MOST_LASTING = 2.5  # times the frame-to-frame noise


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
    """Smooth curves (T, C).

    Parameters
    ----------
    curves : ndarray, shape (T, C)
    noise : ndarray, shape (C,)
        Standard deviation of the noise, in the curves' units.
    strength : float
        Factor on ``noise``; 0 leaves the curves as they are.
    """
    count = len(curves)
    sigma = np.maximum(noise * strength, 1e-9)
    if strength <= 0.0 or count < 3:
        return curves.copy()
    sums = np.concatenate([np.zeros((1, curves.shape[1])), np.cumsum(curves, axis=0)])
    result = curves.copy()
    low, high = curves - AGREE * sigma, curves + AGREE * sigma
    going = np.ones(curves.shape, bool)
    at = np.arange(count)
    for reach in REACHES:
        own = np.minimum(np.minimum(at, count - 1 - at), reach)  # symmetric, so no lag
        width = (2 * own + 1)[:, None]
        mean = (sums[at + own + 1] - sums[at - own]) / width
        band = AGREE * sigma / np.sqrt(width)
        low, high = np.maximum(low, mean - band), np.minimum(high, mean + band)
        going &= low <= high
        result = np.where(going, mean, result)
    return result
