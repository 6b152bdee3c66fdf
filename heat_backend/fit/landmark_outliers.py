# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction of chin landmarks that the tracker leaves on the lower lip of a shouting mouth.

For: photos of wide-open mouths. Fitted to such landmarks, the skin under the lip would be folded
up and unroll as a lump of lip as soon as the mouth closes. Three steps: ``misread_chin`` finds the
landmarks, ``shout_limits`` keeps the fit from explaining them by a pushed-up chin, and
``chin_below_lip`` moves the fitted chin below the lip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import LOWER_LIP_OUTER, OUTER_EYE_CORNERS

# FaceMesh: lower lip's edge, and the fold between lip and chin.
UNDER_LIP, BELOW_LIP = 17, 18
NOSE = 2  # under its tip
# Tuned by eye on the shouting test portraits.
LEAST_SHARE = 0.4  # of the model's distance between the two; less is misread
RED_BELOW = 0.03  # outer-eye distances that a shouting lip goes on below its landmarks
EVENED = 0.12  # outer-eye distances over which chin landmarks move alike
BESIDE = 0.42  # outer-eye distances from the middle, within which landmarks are the chin's
# Weights at most: misread landmarks look like a pushed-up chin, but the jaw is far down.
SHOUT_LIMITS = {"mouthShrugLower": 0.02 + 1e-3, "mouthShrugUpper": 0.3, "jawOpen": 1.5}
CHIN_SIGMA = 0.3  # outer-eye distances: 25 times a good landmark's, as good as unknown


def misread_chin(face: FaceLandmarks, neutral: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Find the chin landmarks (468,) that lie on the lower lip; none in most photos.

    For: photos of wide-open mouths.

    Parameters
    ----------
    face : FaceLandmarks
    neutral : ndarray, shape (468, 3)
        Landmarks of the model's neutral, outer-eye distances, y up.
    """
    points = face.points[:, :2].astype(np.float64)
    down = _down(points)
    seen = float((points[BELOW_LIP] - points[UNDER_LIP]) @ down) / face.outer_eye_distance
    usual = float(neutral[UNDER_LIP, 1] - neutral[BELOW_LIP, 1])
    if seen > LEAST_SHARE * usual:
        return np.zeros(468, bool)
    low = neutral[UNDER_LIP, 1] - 0.25 * usual
    return np.asarray((neutral[:468, 1] < low) & (np.abs(neutral[:468, 0]) < BESIDE))


def chin_below_lip(
    placed: NDArray[np.floating],
    neutral: NDArray[np.floating],
    misread: NDArray[np.bool_],
    unit: float,
) -> NDArray[np.float64]:
    """Find how far landmarks must move so that the lip's red stays above the misread ones.

    For: photos of wide-open mouths.

    Parameters
    ----------
    placed : ndarray, shape (468, 2)
        Landmarks of the model in the photo after the shift to the trusted ones; pixels.
    neutral : ndarray, shape (468, 3)
        Landmarks of the model's neutral.
    misread : ndarray of bool, shape (468,)
    unit : float
        Pixels per outer-eye distance.

    Returns
    -------
    ndarray, shape (468, 2), float64
        Pixels; of the lower lip's edge and the chin, else 0.
    """
    down = _down(placed)
    edge = np.array(LOWER_LIP_OUTER)[np.argsort(neutral[LOWER_LIP_OUTER, 0])]
    missing = np.zeros((len(placed), 2))
    along = np.linspace(-1.0, 1.0, len(edge))
    missing[edge] = (RED_BELOW * (1.0 - along**4))[:, None] * down * unit
    red = placed[edge] + missing[edge]
    x = neutral[misread, 0]
    lip = np.column_stack([np.interp(x, neutral[edge, 0], red[:, k]) for k in (0, 1)])
    usual = np.interp(x, neutral[edge, 0], neutral[edge, 1]) - neutral[misread, 1]
    below = (placed[misread] - lip) @ down / unit
    amount = np.maximum(0.0, LEAST_SHARE * usual - below)
    apart = np.linalg.norm(neutral[misread, None, :2] - neutral[None, misread, :2], axis=2)
    even = np.exp(-((apart / EVENED) ** 2))
    amount = even @ amount / even.sum(axis=1)
    missing[misread] = amount[:, None] * down * unit
    return missing


def _down(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Direction (2,) of a face's axis in the picture, from landmarks (L, 2)."""
    down = points[NOSE] - points[OUTER_EYE_CORNERS].mean(axis=0)
    return np.asarray(down / max(float(np.hypot(*down)), 1e-6), np.float64)


def shout_limits(names: list[str]) -> NDArray[np.float64]:
    """Highest weights (E,) for the fit of the expressions ``names`` to a misread shout.

    For: photos of wide-open mouths.
    """
    return np.array([SHOUT_LIMITS.get(name, 1.0) for name in names])
