# SPDX-License-Identifier: GPL-3.0-or-later
"""Blinks that close this person's eyes exactly, however wide the photo shows them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_INDEX
from bridge.ramps import smoothstep

MIN_STRETCH, MAX_STRETCH = 0.15, 3.0
LASH_BAND = (0.025, 0.085)  # above the margin: lashes move with it whole, then the skin stretches
OVERLAP = 0.012  # the closed upper lid stands a little over and before the lower one
REACH = 0.22  # outer-eye distances around the eye in which lid skin follows its margin


def close_exactly(
    rest: NDArray[np.float64],
    deltas: NDArray[np.float32],
    lid: NDArray[np.int32],
    upper_count: int,
    skin: NDArray[np.intp],
    blink: str,
) -> None:
    """Rescale one blink so that at 1 the upper lid's margin meets the lower lid's.

    Parameters
    ----------
    rest : ndarray, shape (V, 3)
        Vertices in the picture's axes, model units.
    deltas : ndarray, shape (53, V, 3), float32
        Changed in place, for ``blink`` only.
    lid : ndarray, shape (M,), int32
        Lid margin: upper run from one corner to the other, then back over the lower lid.
    upper_count : int
        How many of ``lid`` are the upper run, corners included.
    skin : ndarray of int
        Vertices of the skin, which may follow.
    blink : str
        ``"eyeBlinkLeft"`` or ``"eyeBlinkRight"``.
    """
    delta = deltas[EXPRESSION_INDEX[blink]]
    upper, lower = lid[:upper_count], lid[upper_count:]
    ring = np.concatenate([[upper[0]], lower[::-1], [upper[-1]]])
    low = rest[ring] + delta[ring]
    order = np.argsort(low[:, 0])
    meet_y = np.interp(rest[upper, 0], low[order, 0], low[order, 1])
    wanted = meet_y - OVERLAP * _bulge(len(upper)) - rest[upper, 1]
    given = delta[upper, 1].astype(np.float64)
    inner = np.abs(given) > 0.15 * np.abs(given).max()
    stretch = np.ones(len(upper))
    stretch[inner] = np.clip(wanted[inner] / given[inner], MIN_STRETCH, MAX_STRETCH)
    stretch[~inner] = np.interp(np.flatnonzero(~inner), np.flatnonzero(inner), stretch[inner])
    distance, nearest = cKDTree(rest[upper, :2]).query(rest[skin, :2])
    share = np.exp(-((distance / REACH) ** 2))
    factor = 1.0 + (stretch[nearest] - 1.0) * share
    lower_half = rest[skin, 1] < np.interp(
        rest[skin, 0], rest[ring][order, 0], rest[ring][order, 1]
    )
    factor[lower_half] = 1.0
    delta[skin] *= factor[:, None].astype(np.float32)
    _carry_lashes(rest, delta, upper, skin[~lower_half])
    # What rounding and clipping left: the margin itself must meet.
    delta[upper[1:-1], 1] = wanted[1:-1]
    delta[upper[1:-1], 2] += OVERLAP


def _bulge(count: int) -> NDArray[np.float64]:
    """0 at both corners, 1 in the middle."""
    return np.sin(np.linspace(0.0, np.pi, count)) ** 0.5


def _carry_lashes(
    rest: NDArray[np.float64],
    delta: NDArray[np.float32],
    upper: NDArray[np.int32],
    skin: NDArray[np.intp],
) -> None:
    """Let the lashes' roots ride on the margin: a stretched lash looks like a wrinkle."""
    distance, nearest = cKDTree(rest[upper[1:-1], :2]).query(rest[skin, :2])
    own = smoothstep(*LASH_BAND, distance)[:, None].astype(np.float32)
    margin = delta[upper[1:-1]][nearest]
    delta[skin] = np.where(own < 1.0, margin * (1.0 - own) + delta[skin] * own, delta[skin])
