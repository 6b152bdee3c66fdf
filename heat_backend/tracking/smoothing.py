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
TO_SIGMA = 1.4826  # of a median absolute deviation, for Gaussian noise


def noise_level(curves: Array) -> Array:
    """Estimate the standard deviation of the frame-to-frame noise of curves (T, C), shape (C,).

    From the second differences of the calmer half: what moves is not noise.
    """
    if len(curves) < 5:
        return np.zeros(curves.shape[1])
    bends = np.abs(curves[2:] - 2.0 * curves[1:-1] + curves[:-2])
    calm = np.sort(bends, axis=0)[: max(1, round(0.75 * len(bends)))]
    return np.asarray(np.median(calm, axis=0) * TO_SIGMA * 1.35 / np.sqrt(6.0))


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
