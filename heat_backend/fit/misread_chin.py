# SPDX-License-Identifier: GPL-3.0-or-later
"""Shouts that the tracker cannot follow: it leaves the chin's landmarks on the lower lip.

Laid on such landmarks, the skin under the lip is folded up in the photo and unrolls as a lump of
lip as soon as the mouth closes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.landmarks import FaceLandmarks

UNDER_LIP, BELOW_LIP = 17, 18  # lower lip's edge, and the fold between lip and chin
EYES, NOSE = (33, 263), 2
LEAST_SHARE = 0.4  # of the model's distance between the two
BESIDE = 0.42  # outer-eye distances from the middle
# A chin pushed up is what the misread landmarks look like; what is there is a jaw far down.
SHOUT_LIMITS = {"mouthShrugLower": 0.02 + 1e-3, "mouthShrugUpper": 0.3, "jawOpen": 1.5}
CHIN_SIGMA = 0.3  # outer-eye distances: as good as unknown


def misread_chin(face: FaceLandmarks, neutral: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which landmarks (468,) of the chin are not to be believed; none in most photos.

    Parameters
    ----------
    face : FaceLandmarks
    neutral : ndarray, shape (468, 3)
        Landmarks of the model's neutral, outer-eye distances, y up.
    """
    points = face.points[:, :2].astype(np.float64)
    down = points[NOSE] - points[list(EYES)].mean(axis=0)
    down /= max(float(np.hypot(*down)), 1e-6)
    seen = float((points[BELOW_LIP] - points[UNDER_LIP]) @ down) / face.outer_eye_distance
    usual = float(neutral[UNDER_LIP, 1] - neutral[BELOW_LIP, 1])
    if seen > LEAST_SHARE * usual:
        return np.zeros(468, bool)
    low = neutral[UNDER_LIP, 1] - 0.25 * usual
    return np.asarray((neutral[:468, 1] < low) & (np.abs(neutral[:468, 0]) < BESIDE))


def shout_limits(names: list[str]) -> NDArray[np.float64]:
    """Highest weights for the fit of the expressions ``names`` to a misread shout."""
    return np.array([SHOUT_LIMITS.get(name, 1.0) for name in names])
