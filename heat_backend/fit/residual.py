# SPDX-License-Identifier: GPL-3.0-or-later
"""What a low-dimensional face leaves over: a smooth shift that lays the mesh on the landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

# Landmarks are trusted to about this many outer-eye distances; less would copy their noise.
SMOOTHING = 2e-4
REACH = 0.35  # outer-eye distances beyond the landmarks over which the shift dies out


def landmark_shift(
    at: NDArray[np.floating],
    landmarks: NDArray[np.floating],
    shift: NDArray[np.floating],
    unit: float,
) -> NDArray[np.float64]:
    """Interpolate the shift of landmarks to other places of the picture.

    Parameters
    ----------
    at : ndarray, shape (N, 2)
        Where it is wanted, pixels.
    landmarks : ndarray, shape (L, 2)
        Where the fitted landmarks are, pixels.
    shift : ndarray, shape (L, 2)
        How far each must move, pixels.
    unit : float
        Outer-eye distance, pixels.

    Returns
    -------
    ndarray, shape (N, 2), float64
        Pixels; fades to 0 over ``REACH`` beyond the landmarks.
    """
    field = RBFInterpolator(
        landmarks / unit, shift / unit, kernel="linear", smoothing=SMOOTHING, degree=0
    )
    distance, _ = cKDTree(landmarks / unit).query(at / unit)
    spacing = 0.08
    fade = np.exp(-(np.maximum(0.0, distance - spacing) ** 2) / (2 * (REACH / 2) ** 2))
    moved: NDArray[np.float64] = field(at / unit) * fade[:, None] * unit
    return moved
