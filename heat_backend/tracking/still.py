# SPDX-License-Identifier: GPL-3.0-or-later
"""The expression that one still picture shows, without other frames that tell who it is.

Identity and expression are solved together against the mean face: what faces rarely look like
counts as expression. The channels, their priors and how strongly landmarks read them are those
of videos.
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
from heat_backend.tracking.channels import TRACKED
from heat_backend.tracking.eyes_and_lips import SHUT, gaze_of
from heat_backend.tracking.person import lids_open, person_of, weights_of_52
from heat_backend.tracking.solve import FrameFit, Person, bounded_step, linearised, trusted

Array = NDArray[np.float64]
ROUNDS = 6
# Identities are N(0, 1): at half of that, shut eyes are read as such rather than as small ones.
IDENTITY_SIGMA = 0.5
LOWERED, OUTER_UP = (
    [EXPRESSION_INDEX[f"{stem}{side}"] for side in ("Left", "Right")]
    for stem in ("browDown", "browOuterUp")
)
BROWS_AT_REST = 0.27  # of browDown that FaceMesh reads on faces at rest: the mean of 19 pictures
# One picture tells raised brows from high-set ones hardly at all: they read as less lowered, by
# so much less than they are raised. Measured on frames rendered by the engine.
RAISED_OVER_READ = 2.2


@dataclass(frozen=True)
class StillReading:
    """What a picture shows.

    Attributes
    ----------
    expression : ndarray, shape (52,)
        0..1, without gaze; ``browDown*`` are below 0 for brows higher than usual.
    gaze : ndarray, shape (2,), or None
        Pitch and yaw of both eyes against the head, radians, as read; None for shut eyes.
    """

    expression: Array
    gaze: Array | None


def read_still(model: FaceModel, face: FaceLandmarks, fit: FaceFit) -> StillReading:
    """Read one face.

    Parameters
    ----------
    model : FaceModel
    face : FaceLandmarks
    fit : FaceFit
        Of that face; gives the pose to start from and the camera.
    """
    fields = np.stack([landmarks(model, field) for field in model.identity], axis=-1)
    person = person_of(model, np.zeros(len(model.identity)), fit.camera)
    mean, identity = person.neutral, np.zeros(fields.shape[-1])
    frame = FrameFit(fit.rotation, np.zeros(3), np.zeros(len(TRACKED)), 0.0)
    for turn in range(ROUNDS):
        frame, identity = _step(replace(person, neutral=mean), fields, face, frame, identity)
        if turn == ROUNDS // 2:
            # How this face moves depends on whose it is.
            person = person_of(model, identity, fit.camera)
    gaze = gaze_of(person, frame, face.points) if lids_open(frame) > SHUT else None
    expression = weights_of_52(frame.weights[None])[0]
    expression[LOWERED] -= BROWS_AT_REST
    return StillReading(expression, gaze)


def with_raised_brows(expression: Array) -> Array:
    """Say by the shapes that raise them what of brows (52,) is less than lowered."""
    found = expression.copy()
    up = RAISED_OVER_READ * np.maximum(0.0, -expression[LOWERED])
    found[LOWERED] = np.maximum(0.0, expression[LOWERED])
    found[OUTER_UP] += up
    found[EXPRESSION_INDEX["browInnerUp"]] += up.mean()
    return found


def _step(
    person: Person, fields: Array, face: FaceLandmarks, frame: FrameFit, identity: Array
) -> tuple[FrameFit, Array]:
    """One Gauss-Newton step of weights, identity (K,) and pose; ``fields`` is (L, 3, K)."""
    both = replace(person, basis=np.concatenate([person.basis, fields], axis=2))
    observed = face.points[:468, :2].astype(np.float64)
    guess = np.concatenate([frame.weights, identity])
    rows = trusted(linearised(both, observed, frame.rotation, frame.translation, guess))
    gram = rows.T @ rows
    count, own = len(frame.weights), len(identity)
    at = np.arange(count, count + own)
    gram[at, at] += IDENTITY_SIGMA**-2.0
    gram[at, -1] += IDENTITY_SIGMA**-2.0 * identity
    step, weights = bounded_step(gram, frame.weights, person)
    turned = Rotation.from_rotvec(step[own : own + 3]).as_matrix() @ frame.rotation
    shift = frame.translation + step[own + 3 :]
    return FrameFit(turned, shift, weights, 0.0), identity + step[:own]
