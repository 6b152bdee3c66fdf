# SPDX-License-Identifier: GPL-3.0-or-later
"""Least squares within bounds, for many frames at once. No bpy here, and no scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Of many solutions the one with small values is taken: weight of their squares, against 1 for the
# squared error of a channel.
_CALM = 1e-6
_SETTLED = 1e-7
_MOST_SWEEPS = 2000


def solve(matrix: Array, wanted: Array, low: Array, high: Array) -> Array:
    """Minimise ``|matrix @ x - wanted|`` with ``low <= x <= high``, for each frame.

    Columns that share no row with others are solved apart, each exactly; groups of columns by
    cyclic coordinate descent from the clipped least-squares solution, which is exact too where
    no bound is met. The same bounds with 0 below are non-negative least squares.

    Parameters
    ----------
    matrix : (C, K) array
    wanted : (N, C) array
        One row a frame.
    low, high : (K,) arrays
        Bounds, low <= high, finite.

    Returns
    -------
    (N, K) array
        Within the bounds. Columns of zeros give the bound nearest to 0.
    """
    result = np.empty((len(wanted), matrix.shape[1]))
    for columns in groups(matrix):
        rows = np.flatnonzero(matrix[:, columns].any(axis=1))
        part = matrix[np.ix_(rows, columns)]
        result[:, columns] = _solve_group(part, wanted[:, rows], low[columns], high[columns])
    return result


def groups(matrix: Array) -> list[NDArray[np.intp]]:
    """Return the columns of a matrix in groups that share no row with each other."""
    left = list(range(matrix.shape[1]))
    found = []
    while left:
        group = [left.pop(0)]
        for column in group:  # grows while it is walked through
            rows = matrix[:, column] != 0.0
            near = [other for other in left if (matrix[rows, other] != 0.0).any()]
            group += near
            left = [other for other in left if other not in near]
        found.append(np.array(sorted(group), np.intp))
    return found


def _solve_group(matrix: Array, wanted: Array, low: Array, high: Array) -> Array:
    """Solve for one group: matrix (C, K), wanted (N, C)."""
    count = matrix.shape[1]
    square = matrix.T @ matrix + _CALM * np.eye(count)
    target = wanted @ matrix
    free = np.linalg.solve(square, target.T).T
    values = np.clip(free, low, high)
    if count == 1:
        return np.asarray(values)
    # Only frames that meet a bound need more.
    open_frames = np.flatnonzero((values != free).any(axis=1))
    x, goal = values[open_frames], target[open_frames]
    for _ in range(_MOST_SWEEPS):
        if not len(x):
            break
        before = x.copy()
        for k in range(count):
            step = (goal[:, k] - x @ square[:, k]) / square[k, k]
            x[:, k] = np.clip(x[:, k] + step, low[k], high[k])
        if np.abs(x - before).max() < _SETTLED:
            break
    values[open_frames] = x
    return np.asarray(values)
