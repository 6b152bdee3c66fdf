# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the eyes look, from the irises' places in the fitted head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.face_model import GAZE_DEGREES, FaceModel, landmarks
from heat_backend.tracking.solve import FrameFit, Person

Array = NDArray[np.float64]
IRIS = (473, 468)  # FaceMesh's iris centres of the left, the right eye
LARGEST = np.radians(45.0)
# FaceMesh pulls irises to the middle of the opening; measured on clips rendered by the engine.
READS_YAW, READS_PITCH = 0.7, 0.35
SHUT = 0.45  # of a blink, beyond which the iris landmarks are a guess


def gaze_of(person: Person, fit: FrameFit, points: NDArray[np.floating]) -> Array:
    """Pitch and yaw (2,) in radians of both eyes together, against the head.

    Parameters
    ----------
    person : Person
    fit : FrameFit
    points : ndarray, shape (478, 3)
        The frame's landmarks, pixels.

    Returns
    -------
    ndarray, shape (2,)
        +pitch looks down, +yaw to the subject's left (contract); not yet against the rest gaze.
    """
    angles = np.zeros((2, 2))
    facing = np.zeros(2)
    for eye in range(2):
        center = person.eye_center[eye]
        radius = float(person.eye_radius[eye])
        front = fit.rotation @ (center + np.array([0.0, 0.0, radius])) + fit.translation
        seen = person.camera.unproject(points[IRIS[eye], :2].astype(np.float64), front[2])
        offset = fit.rotation.T @ (seen - fit.translation) - center
        side, up = np.clip(offset[:2] / radius, -0.95, 0.95)
        angles[eye] = -np.arcsin(up), np.arcsin(side)
        # The eye on the far side of a turned head is seen narrowly.
        facing[eye] = np.exp(4.0 * fit.rotation[0, 2] * (1.0 if eye else -1.0))
    mean: Array = facing @ angles / facing.sum()
    return mean


def gaze_weights(angles: Array) -> Array:
    """``eyeLook*`` among the 52 expressions, shape (T, 52), for gaze angles (T, 2)."""
    out = np.zeros((len(angles), len(EXPRESSION_NAMES)))
    pitch = np.clip(angles[:, 0] / READS_PITCH, -LARGEST, LARGEST)
    yaw = np.clip(angles[:, 1] / READS_YAW, -LARGEST, LARGEST)
    ways = {
        "Down": np.maximum(pitch, 0.0),
        "Up": np.maximum(-pitch, 0.0),
    }
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        ways |= {"Out": np.maximum(outward * yaw, 0.0), "In": np.maximum(-outward * yaw, 0.0)}
        for way, turn in ways.items():
            k = EXPRESSION_INDEX[f"eyeLook{way}{side}"]
            out[:, k] = np.minimum(turn / np.radians(GAZE_DEGREES[way]), 1.0)
    return out


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
        Read in the video, model units; NaN where it is not known.
    """
    sure = np.nan_to_num(np.clip((APART - gap) / (APART - TOUCHING), 0.0, 1.0), nan=0.0)
    wanted = np.nan_to_num(np.maximum(gap - TOUCHING, 0.0), nan=0.0)
    excess = np.maximum(expression @ opens - STICK - wanted, 0.0)
    closed = expression.copy()
    closed[:, CLOSE] = np.clip(sure * excess / -opens[CLOSE], 0.0, 1.0)
    return closed
