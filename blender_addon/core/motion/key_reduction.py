# SPDX-License-Identifier: GPL-3.0-or-later
"""Reduces a dense curve to few Bezier keys that stay within a tolerance of it.

Between two keys is one cubic: its ends are the dense curve's values, its end slopes are a
least-squares fit to the frames between, and its Bezier handles are at a third of the interval. The
fit is linear, so all pieces of one length are tried at once; the fewest pieces within the tolerance
are then a shortest path. From those keys one smooth curve is fitted, with more keys where it leaves
the tolerance; only if that needs too many do keys have different slopes on their two sides. No bpy.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# Longest piece, in frames, that is tried directly; longer ones are merged from such pieces. About a
# second of animation, which bounds time and memory.
LONGEST_TRIED = 32
# If a smooth curve needs keys on a larger share of the frames, keys with corners are used instead.
# Tuned by eye.
MOST_SMOOTH = 0.33
# Between two frames a curve may exceed the range of their values by so many tolerances.
_BETWEEN = 2.0


@dataclass(frozen=True, eq=False)
class Keys:
    """Keys of C curves on common frames.

    Attributes
    ----------
    at : (K,) int array
        Rows of the dense curve, ascending.
    value : (K, C) array
        The dense curve's values there.
    slope_in, slope_out : (K, C) arrays
        Slope, in change a row, before and after the key.
    """

    at: Indices
    value: Array
    slope_in: Array
    slope_out: Array

    def __len__(self) -> int:
        return len(self.at)


def reduced(curves: Array, tolerance: Array | float) -> Keys:
    """Reduce curves to keys on common frames.

    Parameters
    ----------
    curves : (N, C) array
        Dense, one row a frame; N >= 1.
    tolerance : float or (C,) array
        Largest error of each curve on any frame; 0 keeps every frame.

    Returns
    -------
    Keys
        A single key where no value changes by more than the tolerance.
    """
    limit = np.broadcast_to(np.asarray(tolerance, float), curves.shape[1:])
    if (np.abs(curves - curves[0]) <= limit).all():
        level = np.zeros((1, curves.shape[1]))
        return Keys(np.zeros(1, np.intp), curves[:1].copy(), level, level)
    if not (limit > 0.0).all():
        steps = np.diff(curves, axis=0)
        into, out = np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]])
        return Keys(np.arange(len(curves)), curves.copy(), into, out)
    # In units of the tolerances: one limit of 1 for all curves.
    scaled = curves / limit
    fewest = _merged(scaled, _fewest(scaled))
    at, slopes = _smooth_keys(scaled, fewest)
    if len(at) <= max(MOST_SMOOTH * len(curves), 3):
        return Keys(at, curves[at], slopes * limit, slopes * limit)
    into, out = _slopes(scaled, fewest)
    return Keys(fewest, curves[fewest], into * limit, out * limit)


def evaluated(keys: Keys, rows: NDArray[np.integer] | Array) -> Array:
    """Return the curves at some rows as Blender evaluates them, shape (len(rows), C)."""
    at = np.asarray(rows, float)
    if len(keys) == 1:
        return np.repeat(keys.value, len(at), axis=0)
    return _cubic(keys.at, keys.value, keys.slope_in, keys.slope_out, at)


def _cubic(at: Indices, value: Array, into: Array, out: Array, rows: Array) -> Array:
    rows = np.clip(rows, at[0], at[-1])
    piece = np.clip(np.searchsorted(at, rows, side="right") - 1, 0, len(at) - 2)
    width = (at[piece + 1] - at[piece]).astype(float)
    basis = _hermite((rows - at[piece]) / width)
    return np.asarray(
        basis[:, :1] * value[piece]
        + basis[:, 1:2] * value[piece + 1]
        + (basis[:, 2:3] * out[piece] + basis[:, 3:] * into[piece + 1]) * width[:, None]
    )


def _hermite(t: Array) -> Array:
    """Return the weights of start, end, start's and end's slope at t in 0..1, (len(t), 4)."""
    square, cube = t * t, t * t * t
    end = 3.0 * square - 2.0 * cube
    return np.stack([1.0 - end, end, cube - 2.0 * square + t, cube - square], axis=1)


@functools.cache
def _operators(length: int) -> tuple[Array, Array, Array]:
    """Return the linear maps from the values of a piece, (length + 1,), to slopes and errors.

    Returns
    -------
    slopes : (2, length + 1) array
        The slopes at both ends, a row.
    errors : (length - 1, length + 1) array
        Fit less value on the frames between.
    halves : (length, length + 1) array
        The fit between the frames.
    """
    ends = np.zeros((2, length + 1))
    ends[0, 0] = ends[1, -1] = 1.0
    basis = _hermite(np.arange(1, length) / length)
    inner = np.eye(length + 1)[1:-1]
    if length == 1:
        slopes = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    else:
        # A small weight on the chord's slope makes pieces of two frames well-posed.
        straight = (ends[1] - ends[0])[None] / length
        design = np.concatenate([basis[:, 2:] * length, 1e-3 * np.eye(2)])
        wanted = np.concatenate([inner - basis[:, :2] @ ends, 1e-3 * np.repeat(straight, 2, 0)])
        slopes = np.linalg.lstsq(design, wanted, rcond=None)[0]
    errors = basis[:, :2] @ ends + basis[:, 2:] @ slopes * length - inner
    between = _hermite((np.arange(length) + 0.5) / length)
    halves = between[:, :2] @ ends + between[:, 2:] @ slopes * length
    return slopes, errors, halves


def _fits(windows: Array) -> NDArray[np.bool_]:
    """Return which pieces stay within 1 of their values.

    Parameters
    ----------
    windows : (P, C, L + 1) array
        Values of P pieces of C curves, in tolerances.
    """
    length = windows.shape[-1] - 1
    if length == 1:
        return np.ones(len(windows), bool)
    _, errors, halves = _operators(length)
    good = np.asarray((np.abs(windows @ errors.T) <= 1.0).all(axis=(1, 2)))
    tried = windows[good]
    between = tried @ halves.T
    low = np.minimum(tried[..., :-1], tried[..., 1:]) - _BETWEEN
    high = np.maximum(tried[..., :-1], tried[..., 1:]) + _BETWEEN
    good[good] = ((between >= low) & (between <= high)).all(axis=(1, 2))
    return good


def _fewest(curves: Array) -> Indices:
    """Return the fewest rows such that every piece between neighbours fits, by shortest path."""
    count = len(curves)
    most = min(LONGEST_TRIED, count - 1)
    # fits[j, L - 1]: the piece of length L that ends at row j fits.
    fits = np.zeros((count, most), bool)
    for length in range(1, most + 1):
        windows = np.lib.stride_tricks.sliding_window_view(curves, length + 1, axis=0)
        fits[length:, length - 1] = _fits(windows)
    pieces = np.full(count, count, np.int64)
    pieces[0] = 0
    came = np.zeros(count, np.intp)
    for j in range(1, count):
        reach = min(most, j)
        before = pieces[j - reach : j][::-1]
        cost = np.where(fits[j, :reach], before, count)
        # Among equals the longest last piece, which leaves holds in one piece.
        best = reach - 1 - int(np.argmin(cost[::-1]))
        pieces[j], came[j] = cost[best] + 1, j - best - 1
    path = [count - 1]
    while path[-1] > 0:
        path.append(int(came[path[-1]]))
    return np.array(path[::-1], np.intp)


def _merged(curves: Array, at: Indices) -> Indices:
    """Remove keys between long pieces that fit as one."""
    kept = [int(at[0])]
    rows = at.tolist()
    for i in range(1, len(rows) - 1):
        start, end = kept[-1], rows[i + 1]
        is_long = end - start > LONGEST_TRIED
        if not is_long or not _fits(curves[start : end + 1].T[None])[0]:
            kept.append(rows[i])
    kept.append(rows[-1])
    return np.array(kept, np.intp)


def _slopes(curves: Array, at: Indices) -> tuple[Array, Array]:
    """Return the fitted slopes just before and just after each key, each (K, C)."""
    into, out = np.zeros((len(at), curves.shape[1])), np.zeros((len(at), curves.shape[1]))
    for i, (a, b) in enumerate(zip(at[:-1].tolist(), at[1:].tolist(), strict=True)):
        out[i], into[i + 1] = _operators(b - a)[0] @ curves[a : b + 1]
    into[0], out[-1] = out[0], into[-1]
    return into, out


def _smooth_keys(curves: Array, at: Indices) -> tuple[Indices, Array]:
    """Return keys with one slope (K, C) for both sides, adding keys until all pieces fit."""
    rows = np.arange(len(curves), dtype=float)
    while True:
        slopes = _common_slopes(curves, at)
        off = np.abs(_cubic(at, curves[at], slopes, slopes, rows) - curves).max(axis=1)
        worst = np.maximum.reduceat(off, at[:-1])
        # A piece with a large error distorts its neighbours: only local maxima get a key at once.
        around = np.pad(worst, 1)
        peak = (worst > 1.0) & (worst >= around[:-2]) & (worst >= around[2:])
        if not peak.any():
            return at, slopes
        starts, ends = at[:-1][peak].tolist(), at[1:][peak].tolist()
        more = [a + int(np.argmax(off[a:b])) for a, b in zip(starts, ends, strict=True)]
        at = np.union1d(at, np.array(more, np.intp))


def _common_slopes(curves: Array, at: Indices) -> Array:
    """Return the least-squares slopes (K, C) at the keys, one for both sides."""
    rows = np.arange(at[-1] + 1)
    piece = np.clip(np.searchsorted(at, rows, side="right") - 1, 0, len(at) - 2)
    width = np.diff(at).astype(float)
    basis = _hermite((rows - at[piece]) / width[piece])
    left = curves - basis[:, :1] * curves[at[piece]] - basis[:, 1:2] * curves[at[piece + 1]]
    first, last = (basis[:, 2] * width[piece])[:, None], (basis[:, 3] * width[piece])[:, None]

    def total(values: Array) -> Array:
        return np.asarray(np.add.reduceat(values, at[:-1], axis=0))

    # A small weight on finite-difference slopes makes keys on adjacent frames well-posed.
    usual = np.gradient(curves[at], at.astype(float), axis=0)
    diagonal = np.full(len(at), 1e-3)
    diagonal[:-1] += total(first * first)[:, 0]
    diagonal[1:] += total(last * last)[:, 0]
    wanted = 1e-3 * usual
    wanted[:-1] += total(first * left)
    wanted[1:] += total(last * left)
    return _tridiagonal(diagonal, total(first * last)[:, 0], wanted)


def _tridiagonal(diagonal: Array, beside: Array, wanted: Array) -> Array:
    """Solve a symmetric tridiagonal system for wanted (K, C) by the Thomas algorithm."""
    pivot, right = diagonal.tolist(), wanted.copy()
    for k, off in enumerate(beside.tolist()):
        share = off / pivot[k]
        pivot[k + 1] -= share * off
        right[k + 1] -= share * right[k]
    right[-1] /= pivot[-1]
    for k in range(len(pivot) - 2, -1, -1):
        right[k] = (right[k] - beside[k] * right[k + 1]) / pivot[k]
    return right
