# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that touch: pressed, or for p, b, m.

The landmarks' errors leave a gap between lips that a viewer knows to be shut, because many
expressions open the mouth a little. But whether the lips touch is read well: their inner edges
then coincide. Where they do, ``mouthClose`` takes back what the other expressions open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import FaceModel, landmarks
from heat_backend.tracking.solve import FrameFit, Person

Array = NDArray[np.float64]
PAIRS = np.array([[13, 14], [82, 87], [312, 317]])  # FaceMesh: upper, lower inner lip
TOUCHING, APART = 0.015, 0.06  # outer-eye distances: lips read so near touch; do not touch
STICK = 0.025  # outer-eye distances by which lips at rest are parted before a gap shows
CLOSE = EXPRESSION_INDEX["mouthClose"]


def openings(model: FaceModel, expression: NDArray[np.floating]) -> Array:
    """Gap of the inner lips that expressions (52, V, 3) make at 1, shape (52,), model units."""
    moved = np.stack([landmarks(model, one)[PAIRS, 1] for one in expression])
    return np.asarray((moved[..., 0] - moved[..., 1]).mean(axis=1), np.float64)


def read_gap(person: Person, fit: FrameFit, points: NDArray[np.floating]) -> float:
    """Gap of the inner lips in a frame's landmarks (478, 3), model units."""
    apart = points[PAIRS[:, 0], :2] - points[PAIRS[:, 1], :2]
    up = fit.rotation[:2, 1] * (1.0, -1.0)  # the head's, in the picture
    return float((apart @ up).mean() / (up @ up) / person.camera.scale)


def touching(expression: Array, opens: Array, gap: Array) -> Array:
    """Close the lips of expressions (T, 52) where their gap (T,) was read shut.

    Parameters
    ----------
    expression : ndarray, shape (T, 52)
    opens : ndarray, shape (52,)
        From :func:`openings`.
    gap : ndarray, shape (T,)
        Read in the film, model units; NaN where it is not known.
    """
    sure = np.nan_to_num(np.clip((APART - gap) / (APART - TOUCHING), 0.0, 1.0), nan=0.0)
    wanted = np.nan_to_num(np.maximum(gap - TOUCHING, 0.0), nan=0.0)
    excess = np.maximum(expression @ opens - STICK - wanted, 0.0)
    closed = expression.copy()
    closed[:, CLOSE] = np.clip(sure * excess / -opens[CLOSE], 0.0, 1.0)
    return closed
