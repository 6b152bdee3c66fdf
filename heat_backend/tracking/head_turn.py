# SPDX-License-Identifier: GPL-3.0-or-later
"""How the head is turned, read off the landmarks' own depth.

A landmark network guesses depth from the whole picture, so nodding shows in it more than in the
few pixels that the landmarks move. Still parts of the face are laid over those of the face at
rest (Kabsch 1976).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STILL = 0.07  # farthest that an expression moves a landmark of a still part, model units


def still_parts(basis: Array, sigma: Array) -> NDArray[np.intp]:
    """Choose the landmarks (S,) that stay in place whatever the face does.

    Parameters
    ----------
    basis : ndarray, shape (L, 3, E)
        What expressions add.
    sigma : ndarray, shape (L,)
        Standard deviation of each landmark; those on the outline slide and are left out.
    """
    travel = np.linalg.norm(basis, axis=1).max(axis=1)
    firm = sigma < 2.0 * float(np.median(sigma))
    return np.flatnonzero(firm & (travel < max(STILL, float(np.quantile(travel[firm], 0.25)))))


def in_head_axes(points: NDArray[np.floating], rotation: Array) -> Array:
    """Landmarks (L, 3), pixels with y and z down and away, as (L, 3) in head axes, size 1."""
    upright = points.astype(np.float64) * (1.0, -1.0, -1.0)
    centred = upright - upright.mean(axis=0)
    shape: Array = centred @ rotation / np.sqrt((centred**2).sum(axis=1).mean())
    return shape


def head_turn(shape: Array, points: NDArray[np.floating]) -> Array:
    """Rotation (3, 3) that lays ``shape`` (S, 3), head axes, over landmarks ``points`` (S, 3)."""
    here = in_head_axes(points, np.eye(3))
    u, _, v = np.linalg.svd(here.T @ (shape - shape.mean(axis=0)))
    proper = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    turn: Array = u @ proper @ v
    return turn


def unlike(shape: Array, other: Array) -> float:
    """Root mean square distance of two shapes (S, 3) from :func:`in_head_axes`, seen from ahead."""
    return float(np.sqrt(((shape - other)[:, :2] ** 2).sum(axis=1).mean()))
