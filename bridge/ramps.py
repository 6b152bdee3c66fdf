# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth ramps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smoothstep(low: float, high: float, value: ArrayLike) -> NDArray[np.float64]:
    """Rise from 0 at ``low`` to 1 at ``high``, level at both ends (Hermite).

    Parameters
    ----------
    low, high : float
        Not the same; a ``low`` above ``high`` makes the ramp fall.
    value : array_like
    """
    t = np.clip((np.asarray(value, np.float64) - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
