# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames without the face: bridged between those that show it, and told by confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DOUBTFUL = 3.0  # times the video's usual landmark error, beyond which a frame counts as unseen


def bridged(curves: Array, known: NDArray[np.bool_]) -> Array:
    """Curves (T, C) with the rows that are not ``known`` (T,) interpolated, the ends held."""
    if known.all():
        return curves
    at = np.arange(len(curves))
    columns = [np.interp(at, at[known], column[known]) for column in curves.T]
    return np.stack(columns, axis=1)


def confidence(errors: Array, known: NDArray[np.bool_]) -> Array:
    """How far each frame can be trusted, shape (T,), 0..1.

    Parameters
    ----------
    errors : ndarray, shape (T,)
        Landmark errors of the fits; anything where not ``known``.
    known : ndarray, shape (T,), bool
    """
    usual = float(np.median(errors[known])) if known.any() else 1.0
    trust = np.clip(1.5 - 0.5 * errors / max(usual, 1e-9), 0.1, 1.0)
    return np.where(known, trust, 0.0)


def same_person(errors: Array, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which frames show the person the face was learnt from, shape (T,), bool."""
    if not found.any():
        return found
    usual = float(np.median(errors[found]))
    return np.asarray(found & (errors <= DOUBTFUL * max(usual, 1e-4)))


def stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """List runs of True in (T,): first and last index of each."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
