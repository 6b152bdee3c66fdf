# SPDX-License-Identifier: GPL-3.0-or-later
"""The paper's 73 values a frame: how they lie in a row, and how they come from Deep3D's 257.

``[expression 64 | angles 3 (pitch, yaw, roll, rad) | translation 3 | crop scale, tx, ty]``
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZE = 73
EXPRESSION = slice(0, 64)
ANGLES = slice(64, 67)
TRANSLATION = slice(67, 70)
CROP = slice(70, 73)
CROP_SCALE = 70

RECONSTRUCTION_SIZE = 257
# Where the three parts stand in the 257 values that the reconstruction network gives.
_FROM_RECONSTRUCTION = (slice(80, 144), slice(224, 227), slice(254, 257))

# How much expression and turning count where the frame most like a photo is looked for.
_EXPRESSION_WEIGHT = 0.3
_ANGLE_WEIGHT = 0.7


def assemble(reconstruction: NDArray, transform: NDArray) -> NDArray[np.float32]:
    """Put the 73-vectors of a run of frames together.

    Parameters
    ----------
    reconstruction : ndarray, shape (T, 257)
        id 80, expression 64, texture 80, angles 3, gamma 27, translation 3.
    transform : ndarray, shape (T, K), K >= 3
        Whose last three columns are the crop's scale, tx and ty.

    Returns
    -------
    ndarray, shape (T, 73), float32
    """
    parts = [reconstruction[:, part] for part in _FROM_RECONSTRUCTION]
    joined = np.concatenate([*parts, transform[:, -3:]], axis=1)
    return np.ascontiguousarray(joined, np.float32)


def nearest_frame(source: NDArray, target: NDArray) -> int:
    """Find the frame of ``target`` (T, 73) whose pose is the nearest to ``source`` (73,)."""
    away = np.abs(np.asarray(target, np.float64) - np.asarray(source, np.float64))
    distance = _EXPRESSION_WEIGHT * away[:, EXPRESSION].mean(axis=1)
    distance += _ANGLE_WEIGHT * away[:, ANGLES].mean(axis=1)
    return int(distance.argmin())


def crop_ratio(source: NDArray, target: NDArray) -> float:
    """Say by how much ``target``'s crop scale must grow to show a head as large as ``source``'s.

    Parameters
    ----------
    source : ndarray, shape (73,)
        The photo's vector.
    target : ndarray, shape (T, 73)
        A motion of someone else.

    Returns
    -------
    float
        Factor for column 70, measured at the frame that is nearest in pose.
    """
    return float(source[CROP_SCALE] / target[nearest_frame(source, target), CROP_SCALE])
