# SPDX-License-Identifier: GPL-3.0-or-later
"""The 68 landmarks in which all published procedures name their points, from our dense ones.

The table is the one by which 68 detected points become dense landmarks: a detector's own points
come out of it unchanged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heat_backend.geometry.landmark_contours import JAW_68, LANDMARKS_68

STEADY = slice(len(JAW_68), len(LANDMARKS_68))
"""All but the jaw, whose points are the outline of a picture rather than places on the skin."""


def sixty_eight(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pick the 68 landmarks out of FaceMesh's.

    Parameters
    ----------
    points : ndarray, shape (n >= 468, D)
        FaceMesh landmarks, in any frame and unit.

    Returns
    -------
    ndarray, shape (68, D), float64
        In the same frame.
    """
    return np.asarray(points, np.float64)[list(LANDMARKS_68)]
