# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity, expression, pose and camera of one photo, by non-linear least squares on landmarks.

Trust-region reflective least squares (scipy) with a soft L1 loss; each term is a Gaussian prior or
a landmark distance over its standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.face_model import FaceModel
from bridge.pose import rotation_angles, rotation_matrix
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.landmark_outliers import CHIN_SIGMA, misread_chin, shout_limits
from heat_backend.geometry.camera import VIEWING_DISTANCE, Camera
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import FACE_OVAL, SKIN_LANDMARKS

# Standard deviations that weigh the terms against each other.
LANDMARK_SIGMA = 0.012  # outer-eye distances in the picture (1 mm); by eye on test portraits
OVAL_SIGMA = 0.05  # FaceMesh slides along the outline instead of staying on one point of skin
DEPTH_SIGMA = 0.12  # outer-eye distances: its depth is regressed from one picture
DEPTH_WEIGHT = 0.5  # of a depth against a place: neighbours' errors in depth move together
EXPRESSION_SIGMA = 0.25  # of weights in 0..1: most shapes are at rest in a photo
POSE_UNKNOWNS = 6  # pitch, yaw, roll; centre x and y; log scale

# Shapes that a still photo cannot tell from identity or gaze: fitted, they would take its place.
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
    neutral: NDArray[np.float64]  # (L, 3)
    identity: NDArray[np.float64]  # (K, L, 3)
    expression: NDArray[np.float64]  # (E, L, 3), the fitted shapes only
    names: list[int]


def _landmark_basis(model: FaceModel, chosen: NDArray[np.intp] | slice) -> _LandmarkBasis:
    corners = model.triangles[model.landmark_triangle[chosen]]  # (L, 3)
    weights = model.landmark_weights[chosen, :, None].astype(np.float64)

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


@dataclass(frozen=True)
class _Problem:
    """The least-squares problem of one face.

    Unknowns: pitch, yaw, roll; centre x, y in outer-eye distances from the start; log of the
    scale over the start's; identity weights; weights of the fitted expressions.
    """

    basis: _LandmarkBasis
    start: NDArray[np.float64]
    unit: float
    scale: float
    observed: NDArray[np.float64]  # (L, 2)
    depth: NDArray[np.float64]  # (L,)
    sigma: NDArray[np.float64]  # (L,)
    depth_weight: float = DEPTH_WEIGHT

    def camera(self, x: NDArray[np.float64]) -> Camera:
        center = (x[3] * self.unit + self.start[3], x[4] * self.unit + self.start[4])
        return Camera(float(self.scale * np.exp(x[5])), center, VIEWING_DISTANCE)

    def split(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        count = len(self.basis.identity)
        return x[POSE_UNKNOWNS : POSE_UNKNOWNS + count], x[POSE_UNKNOWNS + count :]

    def shaped(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        identity, expression = self.split(x)
        shape: NDArray[np.float64] = (
            self.basis.neutral
            + np.tensordot(identity, self.basis.identity, 1)
            + np.tensordot(expression, self.basis.expression, 1)
        )
        return shape

    def _picture_terms(
        self, x: NDArray[np.float64], shape: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        posed = shape @ rotation_matrix(x[:3]).T
        flat = (self.camera(x).project(posed) - self.observed) / self.unit / self.sigma[:, None]
        z = posed[:, 2] - self.depth
        return np.concatenate([flat.ravel(), (z - z.mean()) * self.depth_weight / DEPTH_SIGMA])

    def residuals(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        identity, expression = self.split(x)
        terms = self._picture_terms(x, self.shaped(x))
        return np.concatenate([terms, identity, expression / EXPRESSION_SIGMA])

    def jacobian(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return derivatives, by differences for the pose and in closed form for the rest."""
        identity, expression = self.split(x)
        shape = self.shaped(x)
        here = self._picture_terms(x, shape)
        columns = []
        for k in range(POSE_UNKNOWNS):
            step = x.copy()
            step[k] += 1e-5
            columns.append((self._picture_terms(step, shape) - here) / 1e-5)
        rotation = rotation_matrix(x[:3])
        posed = shape @ rotation.T
        field = np.concatenate([self.basis.identity, self.basis.expression]) @ rotation.T
        camera = self.camera(x)
        depth = camera.distance - posed[:, 2]
        grown = camera.scale * camera.distance / depth
        along = grown * field[..., :2].transpose(2, 0, 1)
        toward = grown / depth * field[..., 2]
        du = (along[0] + toward * posed[:, 0]) / self.unit / self.sigma
        dv = -(along[1] + toward * posed[:, 1]) / self.unit / self.sigma
        dz = field[..., 2] - field[..., 2].mean(axis=1, keepdims=True)
        flat = np.stack([du, dv], axis=-1).reshape(len(field), -1)
        linear = np.concatenate([flat, dz * self.depth_weight / DEPTH_SIGMA], axis=1)
        prior = np.zeros((len(field), len(x)))
        prior[:, POSE_UNKNOWNS:] = np.diag(
            np.concatenate([np.ones(len(identity)), np.full(len(expression), 1 / EXPRESSION_SIGMA)])
        )
        picture = np.concatenate([np.stack(columns), linear]).T
        return np.concatenate([picture, prior])


def _problem(basis: _LandmarkBasis, face: FaceLandmarks, misread: NDArray[np.bool_]) -> _Problem:
    start = _start(face, basis)
    unit = face.outer_eye_distance
    sigma = np.full(SKIN_LANDMARKS, LANDMARK_SIGMA)
    sigma[FACE_OVAL] = OVAL_SIGMA
    sigma[misread] = CHIN_SIGMA
    return _Problem(
        basis,
        start,
        unit,
        unit / float(np.hypot(*(basis.neutral[263] - basis.neutral[33])[:2])),
        face.points[:468, :2].astype(np.float64),
        -face.points[:468, 2].astype(np.float64) / unit,
        sigma,
    )


def _sparse_problem(
    model: FaceModel, chosen: NDArray[np.intp], points: NDArray[np.floating]
) -> _Problem:
    """Pose to start from by the best affine view of the neutral face, made a turn."""
    basis = _landmark_basis(model, chosen)
    observed = points.astype(np.float64)
    oval = np.isin(chosen, FACE_OVAL)
    shape, flat = basis.neutral[~oval], observed[~oval] * (1.0, -1.0)
    middle, flat_middle = shape.mean(axis=0), flat.mean(axis=0)
    affine = np.linalg.lstsq(shape - middle, flat - flat_middle, rcond=None)[0].T
    u, stretch, v = np.linalg.svd(affine, full_matrices=False)
    rows = u @ v
    turn = np.stack([*rows, np.cross(*rows)])
    scale = float(stretch.mean())
    center = flat_middle - scale * (turn @ middle)[:2]
    start = np.array([*rotation_angles(turn), center[0], -center[1], 0.0])
    sigma = np.where(oval, OVAL_SIGMA, LANDMARK_SIGMA)
    unit = scale  # the model's unit is its outer-eye distance
    return _Problem(basis, start, unit, scale, observed, np.zeros(len(chosen)), sigma, 0.0)


def fit_face(
    model: FaceModel, face: FaceLandmarks, corrections: Corrections = ALL_CORRECTIONS
) -> FaceFit:
    """Fit the model to one face's landmarks.

    All terms are divided by the standard deviations at the top of this module; landmarks are
    measured in outer-eye distances so that picture sizes do not matter.
    """
    basis = _landmark_basis(model, slice(None))
    misread = np.zeros(SKIN_LANDMARKS, bool)
    if corrections.misread_chin:
        misread = misread_chin(face, basis.neutral)
    limits = np.ones(len(basis.expression))
    if misread.any():
        limits = shout_limits([EXPRESSION_NAMES[i] for i in basis.names])
    return _solved(model, _problem(basis, face, misread), limits)


def fit_points(model: FaceModel, chosen: NDArray[np.intp], points: NDArray[np.floating]) -> FaceFit:
    """Fit the model to some FaceMesh landmarks of which only the picture places are known.

    Parameters
    ----------
    model : FaceModel
    chosen : ndarray, shape (L,), int
        Which landmarks.
    points : ndarray, shape (L, 2)
        Where they are, pixels, y down.
    """
    problem = _sparse_problem(model, chosen, points)
    return _solved(model, problem, np.ones(len(problem.basis.expression)))


def _solved(model: FaceModel, problem: _Problem, limits: NDArray[np.float64]) -> FaceFit:
    count_id, count_ex = len(problem.basis.identity), len(problem.basis.expression)
    x0 = np.concatenate([problem.start[:3], np.zeros(3 + count_id), np.full(count_ex, 0.02)])
    low = np.concatenate([np.full(6, -np.inf), np.full(count_id, -3.5), np.zeros(count_ex)])
    high = np.concatenate([np.full(6, np.inf), np.full(count_id, 3.5), limits])
    found = least_squares(
        problem.residuals,
        x0,
        jac=problem.jacobian,
        bounds=(low, high),
        loss="soft_l1",
        f_scale=2.0,
        x_scale="jac",
        max_nfev=25,
    ).x
    identity, fitted = problem.split(found)
    expression = np.zeros(model.expression.shape[0])
    expression[problem.basis.names] = fitted
    missed = (
        problem.residuals(found)[: 2 * len(problem.sigma)].reshape(-1, 2) * problem.sigma[:, None]
    )
    error = float(np.sqrt((missed**2).sum(axis=1).mean()))
    rotation = rotation_matrix(found[:3]).astype(np.float64)
    return FaceFit(identity, expression, rotation, problem.camera(found), error)
