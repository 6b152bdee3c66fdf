# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity, expression, pose and camera of one photo, by non-linear least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import FaceModel
from bridge.pose import rotation_matrix
from heat_backend.detect.landmarks import FaceLandmarks
from heat_backend.fit.camera import VIEWING_DISTANCE, Camera

# Standard deviations that weigh the terms against each other (a Gaussian prior each).
LANDMARK_SIGMA = 0.012  # outer-eye distances, in the picture
OVAL_SIGMA = 0.05  # FaceMesh slides along the outline instead of staying on one point of skin
DEPTH_SIGMA = 0.12  # its depth is a guess from one picture
EXPRESSION_SIGMA = 0.25

# FaceMesh's face outline (the ring of its outermost landmarks).
OVAL = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
]

# Shapes that a still photo cannot tell from identity or gaze, or that would be misused as such.
UNFITTED = [
    f"eyeLook{way}{side}" for way in ("Down", "In", "Out", "Up") for side in ("Left", "Right")
] + ["tongueOut", "mouthClose", "cheekPuff", "jawForward"]


@dataclass(frozen=True)
class FaceFit:
    """The fitted face.

    Attributes
    ----------
    identity : ndarray, shape (K,)
        Weights of the model's identity basis, N(0, 1).
    expression : ndarray, shape (52,)
        The photo's own expression, 0..1.
    rotation : ndarray, shape (3, 3)
        Head axes in the picture's axes (contract), about the head's pivot.
    camera : Camera
    error : float
        Root mean square landmark distance over outer-eye distance, before the residual warp.
    """

    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    rotation: NDArray[np.float64]
    camera: Camera
    error: float


@dataclass(frozen=True)
class _LandmarkBasis:
    neutral: NDArray[np.float64]  # (468, 3)
    identity: NDArray[np.float64]  # (K, 468, 3)
    expression: NDArray[np.float64]  # (E, 468, 3), the fitted shapes only
    names: list[int]


def _landmark_basis(model: FaceModel) -> _LandmarkBasis:
    corners = model.triangles[model.landmark_triangle]  # (468, 3)
    weights = model.landmark_weights[:, :, None].astype(np.float64)

    def at_landmarks(field: NDArray[np.float32]) -> NDArray[np.float64]:
        return (field[..., corners, :] * weights).sum(axis=-2)

    unfitted = {EXPRESSION_INDEX[name] for name in UNFITTED}
    names = [i for i in range(model.expression.shape[0]) if i not in unfitted]
    return _LandmarkBasis(
        at_landmarks(model.vertices),
        np.stack([at_landmarks(field) for field in model.identity]),
        np.stack([at_landmarks(model.expression[i]) for i in names]),
        names,
    )


def _start(face: FaceLandmarks, basis: _LandmarkBasis) -> NDArray[np.float64]:
    """Rotation, centre and log scale to start from: [pitch, yaw, roll, cx, cy, log s]."""
    angles = np.array(face.head_angles())
    eyes = basis.neutral[[33, 263]] @ rotation_matrix(angles).T.astype(np.float64)
    width = np.hypot(*(eyes[1] - eyes[0])[:2])
    scale = face.outer_eye_distance / width
    middle = face.points[[33, 263], :2].mean(axis=0)
    model_middle = eyes.mean(axis=0)[:2]
    return np.array(
        [*angles, middle[0] - scale * model_middle[0], middle[1] + scale * model_middle[1], 0.0]
    )


def fit_face(model: FaceModel, face: FaceLandmarks) -> FaceFit:
    """Fit the model to one face's landmarks.

    All terms are divided by the standard deviations at the top of this module; landmarks are
    measured in outer-eye distances so that picture sizes do not matter.
    """
    basis = _landmark_basis(model)
    start = _start(face, basis)
    unit = face.outer_eye_distance
    scale0 = unit / float(np.hypot(*(basis.neutral[263] - basis.neutral[33])[:2]))
    observed = face.points[:468, :2].astype(np.float64)
    depth = -face.points[:468, 2].astype(np.float64) / unit
    sigma = np.full(468, LANDMARK_SIGMA)
    sigma[OVAL] = OVAL_SIGMA
    count_id, count_ex = len(basis.identity), len(basis.expression)

    def unpack(x: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray, Camera]:
        camera = Camera(
            scale0 * np.exp(x[5]),
            (x[3] * unit + start[3], x[4] * unit + start[4]),
            VIEWING_DISTANCE,
        )
        return x[6 : 6 + count_id], x[6 + count_id :], rotation_matrix(x[:3]).astype(float), camera

    def residuals(x: NDArray[np.float64]) -> NDArray[np.float64]:
        identity, expression, rotation, camera = unpack(x)
        shape = (
            basis.neutral
            + np.tensordot(identity, basis.identity, 1)
            + np.tensordot(expression, basis.expression, 1)
        )
        posed = shape @ rotation.T
        flat = (camera.project(posed) - observed) / unit / sigma[:, None]
        z = posed[:, 2] - depth
        relief = (z - z.mean()) / DEPTH_SIGMA
        return np.concatenate([flat.ravel(), relief * 0.5, identity, expression / EXPRESSION_SIGMA])

    x0 = np.concatenate([start[:3], np.zeros(3 + count_id), np.full(count_ex, 0.02)])
    low = np.concatenate([np.full(6, -np.inf), np.full(count_id, -3.5), np.zeros(count_ex)])
    high = np.concatenate([np.full(6, np.inf), np.full(count_id, 3.5), np.ones(count_ex)])
    found = least_squares(
        residuals,
        x0,
        bounds=(low, high),
        loss="soft_l1",
        f_scale=2.0,
        max_nfev=12,
        x_scale="jac",
    )
    identity, fitted, rotation, camera = unpack(found.x)
    expression = np.zeros(model.expression.shape[0])
    expression[basis.names] = fitted
    error = np.sqrt(np.mean((residuals(found.x)[: 2 * 468].reshape(-1, 2) * sigma[:, None]) ** 2))
    return FaceFit(identity, expression, rotation, camera, float(error * np.sqrt(2)))
