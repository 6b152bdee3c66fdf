# SPDX-License-Identifier: GPL-3.0-or-later
"""Expression and gaze in a single image, without other frames that show the subject's identity.

Identity and expression are solved together against the mean face: what is improbable as identity
counts as expression. The tracked expressions, their priors and gains are those of videos.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import FaceModel, landmarks
from heat_backend.fit.landmark_fit import FaceFit
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.tracking.channels import TRACKED, to_expressions
from heat_backend.tracking.eyes_and_lips import OPEN_LIDS, eye_openness, gaze_angles
from heat_backend.tracking.solve import (
    FrameFit,
    Subject,
    bounded_step,
    downweight_outliers,
    linearise,
)
from heat_backend.tracking.subject import subject_of

Array = NDArray[np.float64]
ROUNDS = 6  # Gauss-Newton steps; the fit hardly moves after them
# Identity weights are N(0, 1): at half of that, shut eyes are not taken for small ones.
IDENTITY_SIGMA = 0.5
BROWS_DOWN, BROWS_OUTER_UP = (
    [EXPRESSION_INDEX[f"{stem}{side}"] for side in ("Left", "Right")]
    for stem in ("browDown", "browOuterUp")
)
NEUTRAL_BROW_DOWN = 0.27  # browDown as FaceMesh reads it on neutral faces: the mean of 19 photos
# One image hardly tells raised brows from high-set ones: they read as less lowered. Raise over what
# is read, measured on frames rendered by the warp engine.
BROW_RAISE_GAIN = 2.2


@dataclass(frozen=True)
class ImageReading:
    """Expression and gaze of one face.

    Attributes
    ----------
    expression : ndarray, shape (52,)
        0..1, without gaze; ``browDown*`` are below 0 for brows higher than usual.
    gaze : ndarray, shape (2,), or None
        Pitch and yaw of both eyes against the head, radians, as read; None for shut eyes.
    """

    expression: Array
    gaze: Array | None


def read_image(model: FaceModel, face: FaceLandmarks, fit: FaceFit) -> ImageReading:
    """Measure expression and gaze of one face.

    Parameters
    ----------
    model : FaceModel
    face : FaceLandmarks
    fit : FaceFit
        Of that face: the camera, and the pose to start from.
    """
    fields = np.stack([landmarks(model, field) for field in model.identity], axis=-1)
    subject = subject_of(model, np.zeros(len(model.identity)), fit.camera)
    mean, identity = subject.neutral, np.zeros(fields.shape[-1])
    frame = FrameFit(fit.rotation, np.zeros(3), np.zeros(len(TRACKED)), 0.0)
    for number in range(ROUNDS):
        frame, identity = _step(replace(subject, neutral=mean), fields, face, frame, identity)
        if number == ROUNDS // 2:
            # The offsets of expressions depend on identity.
            subject = subject_of(model, identity, fit.camera)
    gaze = gaze_angles(subject, frame, face.points) if eye_openness(frame) > OPEN_LIDS else None
    expression = to_expressions(frame.weights[None])[0]
    expression[BROWS_DOWN] -= NEUTRAL_BROW_DOWN
    return ImageReading(expression, gaze)


def with_raised_brows(expression: Array) -> Array:
    """Turn negative ``browDown*`` of an expression (52,) into the shapes that raise brows."""
    raised = expression.copy()
    up = BROW_RAISE_GAIN * np.maximum(0.0, -expression[BROWS_DOWN])
    raised[BROWS_DOWN] = np.maximum(0.0, expression[BROWS_DOWN])
    raised[BROWS_OUTER_UP] += up
    raised[EXPRESSION_INDEX["browInnerUp"]] += up.mean()
    return raised


def _step(
    subject: Subject, fields: Array, face: FaceLandmarks, frame: FrameFit, identity: Array
) -> tuple[FrameFit, Array]:
    """One Gauss-Newton step of weights, identity (K,) and pose.

    ``fields`` (L, 3, K) are the offsets of the landmarks by each identity weight.
    """
    both = replace(subject, basis=np.concatenate([subject.basis, fields], axis=2))
    observed = face.points[:468, :2].astype(np.float64)
    guess = np.concatenate([frame.weights, identity])
    rows = downweight_outliers(linearise(both, observed, frame.rotation, frame.translation, guess))
    gram = rows.T @ rows
    count, own = len(frame.weights), len(identity)
    at = np.arange(count, count + own)
    gram[at, at] += IDENTITY_SIGMA**-2.0
    gram[at, -1] += IDENTITY_SIGMA**-2.0 * identity
    step, weights = bounded_step(gram, frame.weights, subject)
    rotation = Rotation.from_rotvec(step[own : own + 3]).as_matrix() @ frame.rotation
    shift = frame.translation + step[own + 3 :]
    return FrameFit(rotation, shift, weights, 0.0), identity + step[:own]
