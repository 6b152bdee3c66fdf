# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear assignment problem: pairs rows with columns at the highest total score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_assignment(score: NDArray[np.floating]) -> NDArray[np.intp]:
    """Give each row a column of its own so that the sum of scores is largest.

    Shortest augmenting paths (Jonker and Volgenant 1987), O(rows² · columns); Blender's Python has
    no scipy.

    Parameters
    ----------
    score : (n, c) array
        Finite scores.

    Returns
    -------
    (n,) array
        Column of each row; -1 for rows left over when there are more rows than columns.
    """
    rows, columns = score.shape
    if rows == 0 or columns == 0:
        return np.full(rows, -1, np.intp)
    if rows > columns:
        row_of = best_assignment(score.T)
        column_of = np.full(rows, -1, np.intp)
        column_of[row_of] = np.arange(columns)
        return column_of
    cost = -score.astype(np.float64)
    row_of = np.full(columns, -1, np.intp)
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    for row in range(rows):
        _augment(row, cost, row_of, row_price, column_price)
    column_of = np.full(rows, -1, np.intp)
    assigned = np.flatnonzero(row_of >= 0)
    column_of[row_of[assigned]] = assigned
    return column_of


def _augment(
    row: int,
    cost: NDArray[np.float64],
    row_of: NDArray[np.intp],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
) -> None:
    """Assign one more row along the shortest augmenting path; changes the arrays in place."""
    columns = cost.shape[1]
    shortest = np.full(columns, np.inf)
    previous_row = np.full(columns, -1, np.intp)
    done = np.zeros(columns, bool)
    visited = []
    at, length = row, 0.0
    while True:
        step = length + cost[at] - row_price[at] - column_price
        better = ~done & (step < shortest)
        shortest[better] = step[better]
        previous_row[better] = at
        column = int(np.argmin(np.where(done, np.inf, shortest)))
        length = shortest[column]
        done[column] = True
        if row_of[column] < 0:
            break
        visited.append(column)
        at = int(row_of[column])
    row_price[row] += length
    for column_on_path in visited:
        row_price[row_of[column_on_path]] += length - shortest[column_on_path]
        column_price[column_on_path] -= length - shortest[column_on_path]
    while True:
        owner = int(previous_row[column])
        row_of[column] = owner
        if owner == row:
            return
        column = next(c for c in visited if row_of[c] == owner and c != column)
