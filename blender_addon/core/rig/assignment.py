# SPDX-License-Identifier: GPL-3.0-or-later
"""The assignment problem: pair rows with columns at the highest total score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_assignment(score: NDArray[np.floating]) -> NDArray[np.intp]:
    """Give each row a column of its own so that the sum of scores is largest.

    Shortest augmenting paths (Jonker and Volgenant 1987), O(rows squared times columns).

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
    taken = np.flatnonzero(row_of >= 0)
    column_of[row_of[taken]] = taken
    return column_of


def _augment(
    row: int,
    cost: NDArray[np.float64],
    row_of: NDArray[np.intp],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
) -> None:
    """Find the cheapest chain of swaps that seats one more row, and make it; changes in place."""
    columns = cost.shape[1]
    shortest = np.full(columns, np.inf)
    came_from = np.full(columns, -1, np.intp)
    done = np.zeros(columns, bool)
    seated = []
    at, travelled = row, 0.0
    while True:
        step = travelled + cost[at] - row_price[at] - column_price
        better = ~done & (step < shortest)
        shortest[better] = step[better]
        came_from[better] = at
        column = int(np.argmin(np.where(done, np.inf, shortest)))
        travelled = shortest[column]
        done[column] = True
        if row_of[column] < 0:
            break
        seated.append(column)
        at = int(row_of[column])
    row_price[row] += travelled
    for passed in seated:
        row_price[row_of[passed]] += travelled - shortest[passed]
        column_price[passed] -= travelled - shortest[passed]
    while True:
        owner = int(came_from[column])
        row_of[column] = owner
        if owner == row:
            return
        column = next(c for c in seated if row_of[c] == owner and c != column)
