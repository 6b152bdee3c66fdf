# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves of a tracked face over time: gaps interpolated, noise smoothed.

The smoothing has no lag, keeps still stretches still and fast moves sharp. For each frame the mean
of a window around it is taken, and the window is the widest whose mean still agrees with all
narrower ones within the noise: the intersection of confidence intervals (Goldenshluger & Nemirovski
1997; Katkovnik 1999). A blink stops the window, stillness opens it.
Curves that are smooth themselves, as those of a head's pose, then pass a Whittaker smoother (Eilers
2003) whose stiffness at each frame falls with the curvature of those means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import uniform_filter1d

Array = NDArray[np.float64]
OUTLIER_ERROR = 3.0  # times the median landmark error, beyond which a frame shows another face
LEAST_CONFIDENCE = 0.1  # of a frame that shows the subject
# The following were tuned on synthetic curves and on videos of people.
REACHES = (1, 2, 3, 5, 8, 12, 18)  # half-widths of the windows, frames
CONFIDENCE_SIGMAS = 1.7  # half-width of the confidence interval of a mean
LAGS = (2, 4)  # frames over which correlated noise is measured
MAX_CORRELATED = 2.5  # times the frame-to-frame noise
STIFFNESS = 1000.0  # of the Whittaker smoother on straight stretches: smooths about a second
BEND_SIGMAS = 8.0  # curvature, in standard deviations of the noise, that quarters the stiffness


def fill_gaps(curves: Array, known: NDArray[np.bool_]) -> Array:
    """Interpolate the rows of curves (T, C) that are not ``known`` (T,), and hold the ends."""
    if known.all():
        return curves
    at = np.arange(len(curves))
    columns = [np.interp(at, at[known], column[known]) for column in curves.T]
    return np.stack(columns, axis=1)


def confidence(errors: Array, known: NDArray[np.bool_]) -> Array:
    """Return the confidence of each frame, shape (T,), 0..1: 0 where not ``known``.

    Parameters
    ----------
    errors : ndarray, shape (T,)
        Landmark errors of the fits, arbitrary where not ``known``.
    known : ndarray, shape (T,), bool
    """
    median = float(np.median(errors[known])) if known.any() else 1.0
    # 1 up to the median error, falling to 0 at three times it.
    value = np.clip(1.5 - 0.5 * errors / max(median, 1e-9), LEAST_CONFIDENCE, 1.0)
    return np.where(known, value, 0.0)


def same_face(errors: Array, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which frames show the subject rather than another face, shape (T,), bool.

    Parameters
    ----------
    errors : ndarray, shape (T,)
        Landmark errors of the fits.
    found : ndarray, shape (T,), bool
        Where a face was detected.
    """
    if not found.any():
        return found
    median = float(np.median(errors[found]))
    return np.asarray(found & (errors <= OUTLIER_ERROR * max(median, 1e-4)))


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """List the runs of True in (T,): first and last index of each."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def noise_level(curves: Array) -> Array:
    """Estimate the standard deviation of the noise of curves (T, C), shape (C,).

    From the first quartile of second differences: what moves is not noise. They are taken over
    one and over several frames, for the noise of a tracker is correlated over some frames.
    """
    if len(curves) < 5:
        return np.zeros(curves.shape[1])
    white = _difference_noise(curves, 1)
    correlated = np.max(
        [_difference_noise(curves, lag) for lag in LAGS if 2 * lag < len(curves)], axis=0
    )
    return np.asarray(np.clip(correlated, white, MAX_CORRELATED * white))


def _difference_noise(curves: Array, lag: int) -> Array:
    """Noise (C,) by second differences over ``lag`` frames."""
    differences = np.abs(curves[2 * lag :] - 2.0 * curves[lag:-lag] + curves[: -2 * lag])
    # Quartile of a Gaussian's absolute value: 0.3186 standard deviations.
    return np.asarray(np.quantile(differences, 0.25, axis=0) / 0.3186 / np.sqrt(6.0))


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
    return _double_mean(curves, _reach(curves, np.maximum(noise * strength, 1e-9)))


def smooth_together(curves: Array, noise: Array, strength: float = 1.0) -> Array:
    """Smooth curves (T, C) with the same windows, as errors that cancel each other need.

    Such are rotation and translation of a head.

    Parameters as for :func:`smooth`.
    """
    if strength <= 0.0 or len(curves) < 3:
        return curves.copy()
    sigma = np.maximum(noise * strength, 1e-9)
    shared = _reach(curves, sigma).min(axis=1, keepdims=True)
    rough = _double_mean(curves, np.repeat(shared, curves.shape[1], axis=1)) / sigma
    # Averaged over neighbours: a stiffness that falls at one frame only makes corners.
    bend = uniform_filter1d(STIFFNESS * (np.diff(rough, 2, axis=0) ** 2).sum(axis=1), 3)
    return _whittaker(curves, STIFFNESS / (1.0 + bend / BEND_SIGMAS**2) ** 2)


def _whittaker(curves: Array, stiffness: Array) -> Array:
    """Smooth curves (T, C): their squared second differences cost ``stiffness`` (T - 2,)."""
    count = len(curves)
    difference = (1.0, -2.0, 1.0)
    bands = np.zeros((3, count))
    bands[2] = 1.0
    for i, first in enumerate(difference):
        for j in range(i, 3):
            bands[2 - (j - i), j : j + count - 2] += first * difference[j] * stiffness
    return np.asarray(solveh_banded(bands, curves))


def _double_mean(curves: Array, reach: NDArray[np.intp]) -> Array:
    """Mean (T, C) over about ``reach`` (T, C) frames to each side, as the mean of a mean.

    A single one lets through what oscillates faster than its window.
    """
    reach = _gradual(reach)
    half = reach // 2
    return _mean(_mean(curves, reach - half), half)


def _reach(curves: Array, sigma: Array) -> NDArray[np.intp]:
    """Frames to each side (T, C) over which the mean agrees with all narrower ones."""
    reach = np.zeros(curves.shape, np.intp)
    low, high = curves - CONFIDENCE_SIGMAS * sigma, curves + CONFIDENCE_SIGMAS * sigma
    agreeing = np.ones(curves.shape, bool)
    for wider in REACHES:
        mean = _mean(curves, np.full(curves.shape, wider))
        band = CONFIDENCE_SIGMAS * sigma / np.sqrt(2 * wider + 1)
        low, high = np.maximum(low, mean - band), np.minimum(high, mean + band)
        agreeing &= low <= high
        reach[agreeing] = wider
    return reach


def _gradual(reach: NDArray[np.intp]) -> NDArray[np.intp]:
    """Lower reaches (T, C) so that they change by one a frame at most: no jump of the window."""
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
