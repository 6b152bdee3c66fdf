# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaze from the iris landmarks, and lip contact from the inner lips' landmarks.

What the fit of the face does not see: the irises lie on eyeballs behind the skin, and lips that
touch are shut whatever the weights of the expressions add up to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.face_model import GAZE_DEGREES, FaceModel, landmarks
from heat_backend.geometry.landmark_contours import IRIS_CENTER
from heat_backend.tracking.channels import TRACKED
from heat_backend.tracking.solve import FrameFit, Subject

Array = NDArray[np.float64]
IRISES = (IRIS_CENTER["left"], IRIS_CENTER["right"])
MAX_GAZE = np.radians(45.0)  # eyes hardly turn further
# Angle read over true angle: FaceMesh pulls irises to the middle of the eye's opening. Measured on
# clips rendered by the warp engine.
YAW_GAIN, PITCH_GAIN = 0.7, 0.35
FAR_EYE = 4.0  # exponent by which the far eye of a turned head counts less; tuned on the same clips
OPEN_LIDS = 0.45  # share of the eyes' opening below which the iris landmarks are a guess

LIP_PAIRS = np.array([[13, 14], [82, 87], [312, 317]])  # FaceMesh: upper, lower inner lip
# Gap of the inner lips, model units: below the first lips touch, above the second they do not.
# These and the next were tuned on videos of people.
TOUCHING, APART = 0.015, 0.06
STICK = 0.025  # gap that expressions make before parted lips show one, model units
MOUTH_CLOSE = EXPRESSION_INDEX["mouthClose"]


def gaze_angles(subject: Subject, fit: FrameFit, points: NDArray[np.floating]) -> Array:
    """Measure pitch and yaw of both eyes together, against the head.

    Parameters
    ----------
    subject : Subject
    fit : FrameFit
    points : ndarray, shape (478, 3)
        The frame's landmarks, pixels.

    Returns
    -------
    ndarray, shape (2,)
        Radians: +pitch looks down, +yaw to the subject's left. Not against the rest gaze.
    """
    angles = np.zeros((2, 2))
    visibility = np.zeros(2)
    for eye in range(2):
        center = subject.eye_center[eye]
        radius = float(subject.eye_radius[eye])
        front = fit.rotation @ (center + np.array([0.0, 0.0, radius])) + fit.translation
        iris = subject.camera.unproject(points[IRISES[eye], :2].astype(np.float64), front[2])
        offset = fit.rotation.T @ (iris - fit.translation) - center
        side, up = np.clip(offset[:2] / radius, -0.95, 0.95)
        angles[eye] = -np.arcsin(up), np.arcsin(side)
        visibility[eye] = np.exp(FAR_EYE * fit.rotation[0, 2] * (1.0 if eye else -1.0))
    mean: Array = visibility @ angles / visibility.sum()
    return mean


def eye_openness(frame: FrameFit) -> float:
    """Share of the wider eye's opening, 0..1: 1 without a blink."""
    blinks = [frame.weights[TRACKED.index(f"eyeBlink{side}")] for side in ("Left", "Right")]
    return float(1.0 - min(1.0, min(blinks)))


def gaze_weights(angles: Array) -> Array:
    """``eyeLook*`` among the 52 expressions, shape (T, 52), for gaze angles (T, 2)."""
    out = np.zeros((len(angles), len(EXPRESSION_NAMES)))
    pitch = np.clip(angles[:, 0] / PITCH_GAIN, -MAX_GAZE, MAX_GAZE)
    yaw = np.clip(angles[:, 1] / YAW_GAIN, -MAX_GAZE, MAX_GAZE)
    directions = {
        "Down": np.maximum(pitch, 0.0),
        "Up": np.maximum(-pitch, 0.0),
    }
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        directions |= {"Out": np.maximum(outward * yaw, 0.0), "In": np.maximum(-outward * yaw, 0.0)}
        for way, angle in directions.items():
            k = EXPRESSION_INDEX[f"eyeLook{way}{side}"]
            out[:, k] = np.minimum(angle / np.radians(GAZE_DEGREES[way]), 1.0)
    return out


def lip_openings(model: FaceModel, expression: NDArray[np.floating]) -> Array:
    """Gap of the inner lips that expressions (52, V, 3) make at 1, shape (52,), model units."""
    offsets = np.stack([landmarks(model, one)[LIP_PAIRS, 1] for one in expression])
    return np.asarray((offsets[..., 0] - offsets[..., 1]).mean(axis=1), np.float64)


def lip_gap(subject: Subject, fit: FrameFit, points: NDArray[np.floating]) -> float:
    """Gap of the inner lips in a frame's landmarks (478, 3), model units."""
    apart = points[LIP_PAIRS[:, 0], :2] - points[LIP_PAIRS[:, 1], :2]
    up = fit.rotation[:2, 1] * (1.0, -1.0)  # of the head, in the image
    return float((apart @ up).mean() / (up @ up) / subject.camera.scale)


def close_touching_lips(expression: Array, openings: Array, gap: Array) -> Array:
    """Close the lips of expressions (T, 52) where their gap (T,) was read shut.

    Parameters
    ----------
    expression : ndarray, shape (T, 52)
    openings : ndarray, shape (52,)
        From :func:`lip_openings`.
    gap : ndarray, shape (T,)
        From :func:`lip_gap`, NaN where it is not known.
    """
    contact = np.nan_to_num(np.clip((APART - gap) / (APART - TOUCHING), 0.0, 1.0), nan=0.0)
    allowed = np.nan_to_num(np.maximum(gap - TOUCHING, 0.0), nan=0.0)
    excess = np.maximum(expression @ openings - STICK - allowed, 0.0)
    closed = expression.copy()
    closed[:, MOUTH_CLOSE] = np.clip(contact * excess / -openings[MOUTH_CLOSE], 0.0, 1.0)
    return closed
