# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose and expression of one video frame, fitted to its landmarks.

A Gauss-Newton step solves pose and expression weights together: the pose is eliminated (Schur
complement), and the weights are found within 0..1 by coordinate descent. The rotation is also read
off the landmarks' own depth: a landmark network guesses depth from the whole picture, so nodding
shows in it more than in the few pixels that the landmarks move. For that the rigid part of the face
is aligned with that of the neutral face (Kabsch 1976).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from heat_backend.geometry.camera import Camera
from heat_backend.geometry.rigid_alignment import nearest_rotation

Array = NDArray[np.float64]
RIGID_TRAVEL = 0.07  # model units: what an expression moves a rigid landmark by at most
MAX_WEIGHT = 1.0  # as far as shape keys go
# Linear cost of an expression at its usual weight (a lasso penalty): what landmarks do not ask for
# stays 0. This and ROTATION_SIGMA were tuned on clips that the warp engine rendered.
SPARSITY = 8.0
SWEEPS = 60  # of coordinate descent at most; it mostly ends before
DESCENT_TOLERANCE = 1e-4  # largest change of a weight in the last sweep
ROTATION_SIGMA = np.radians(0.3)  # of the rotation read off depth: landmarks' errors are correlated
OUTLIER = 3.0  # standard deviations beyond which a landmark counts less, linearly (Huber 1964)


@dataclass(frozen=True)
class Subject:
    """The face that is tracked: its identity, and how it is seen.

    Attributes
    ----------
    neutral : ndarray, shape (L, 3)
        Landmarks of the neutral face, head axes about the pivot, model units.
    basis : ndarray, shape (L, 3, E)
        Offset that each tracked expression at 1 adds to the landmarks as the detector reads them.
    prior : ndarray, shape (E, E)
        Inverse covariance of the weights.
    weight_sigma : ndarray, shape (E,)
        Standard deviation of each weight.
    sigma : ndarray, shape (L,)
        Standard deviation of each landmark, model units.
    camera : Camera
        Its centre is the pivot's place in the rest frame, pixels.
    eye_center : ndarray, shape (2, 3)
        Of the left, the right eyeball, head axes.
    eye_radius : ndarray, shape (2,)
        Model units.
    lip_openings : ndarray, shape (52,)
        Gap of the inner lips that each expression makes at 1, model units.
    rigid : ndarray, shape (S,), int
        Indices of the landmarks that no expression moves.
    rigid_shape : ndarray, shape (S, 3), or None
        Those of the neutral face as the detector reads them, from :func:`in_head_axes`; None while
        not yet known.
    """

    neutral: Array
    basis: Array
    prior: Array
    weight_sigma: Array
    sigma: Array
    camera: Camera
    eye_center: Array
    eye_radius: Array
    lip_openings: Array
    rigid: NDArray[np.intp]
    rigid_shape: Array | None = None


@dataclass(frozen=True)
class FrameFit:
    """Pose and expression of one frame.

    Attributes
    ----------
    rotation : ndarray, shape (3, 3)
        From head axes to camera axes, see :mod:`bridge.pose`.
    translation : ndarray, shape (3,)
        Of the pivot from its place in the rest frame, model units.
    weights : ndarray, shape (E,)
        Of the tracked expressions, 0..``MAX_WEIGHT``.
    error : float
        Median distance of fitted and detected landmarks, model units.
    """

    rotation: Array
    translation: Array
    weights: Array
    error: float


def rigid_landmarks(basis: Array, sigma: Array) -> NDArray[np.intp]:
    """Choose the landmarks (S,) that hardly any expression moves: forehead, nose, temples.

    Parameters
    ----------
    basis : ndarray, shape (L, 3, E)
        Offsets of the expressions, model units.
    sigma : ndarray, shape (L,)
        Standard deviation of each landmark; those on the outline, which slide, are left out.
    """
    travel = np.linalg.norm(basis, axis=1).max(axis=1)
    precise = sigma < 2.0 * float(np.median(sigma))
    return np.flatnonzero(
        precise & (travel < max(RIGID_TRAVEL, float(np.quantile(travel[precise], 0.25))))
    )


def in_head_axes(points: NDArray[np.floating], rotation: Array) -> Array:
    """Rotate detected landmarks (L, 3) into head axes (L, 3), centred, root mean square size 1.

    Parameters
    ----------
    points : ndarray, shape (L, 3)
        Pixels, y down, z away from the viewer.
    rotation : ndarray, shape (3, 3)
        From head axes to camera axes.
    """
    upright = points.astype(np.float64) * (1.0, -1.0, -1.0)
    centred = upright - upright.mean(axis=0)
    shape: Array = centred @ rotation / np.sqrt((centred**2).sum(axis=1).mean())
    return shape


def head_rotation(shape: Array, points: NDArray[np.floating]) -> Array:
    """Rotation (3, 3) that aligns ``shape`` (S, 3), head axes, with detected ``points`` (S, 3)."""
    here = in_head_axes(points, np.eye(3))
    return nearest_rotation(here.T @ (shape - shape.mean(axis=0)))[0]


def shape_difference(shape: Array, other: Array) -> float:
    """Root mean square distance of two shapes (S, 3) from :func:`in_head_axes`, seen frontally."""
    return float(np.sqrt(((shape - other)[:, :2] ** 2).sum(axis=1).mean()))


def solve_frame(
    subject: Subject, points: NDArray[np.floating], start: FrameFit, rounds: int = 3
) -> FrameFit:
    """Fit one frame by bounded, regularised Gauss-Newton steps.

    Parameters
    ----------
    subject : Subject
    points : ndarray, shape (478, 3)
        Landmarks, pixels, y down, z away from the viewer.
    start : FrameFit
        The fit of the frame before, or a guess.
    rounds : int
        Gauss-Newton steps.
    """
    observed = points[: len(subject.neutral), :2].astype(np.float64)
    read_rotation = None
    if subject.rigid_shape is not None:
        read_rotation = head_rotation(subject.rigid_shape, points[subject.rigid])
    rotation, shift, weights = start.rotation, start.translation, start.weights
    for _ in range(rounds):
        rows = downweight_outliers(linearise(subject, observed, rotation, shift, weights))
        gram = rows.T @ rows
        if read_rotation is not None:
            _add_rotation(gram, Rotation.from_matrix(read_rotation @ rotation.T).as_rotvec())
        step, weights = bounded_step(gram, weights, subject)
        rotation = Rotation.from_rotvec(step[:3]).as_matrix() @ rotation
        shift = shift + step[3:]
    posed = (subject.neutral + subject.basis @ weights) @ rotation.T + shift
    residual = subject.camera.project(posed) - observed
    error = float(np.median(np.hypot(residual[:, 0], residual[:, 1]))) / subject.camera.scale
    return FrameFit(rotation, shift, weights, error)


def linearise(
    subject: Subject, observed: Array, rotation: Array, shift: Array, weights: Array
) -> Array:
    """Linearise the landmarks of one frame about a guess.

    Returns
    -------
    ndarray, shape (2L, E + 6 + 1)
        Derivatives by the weights and by the pose (a rotation vector about the camera axes, applied
        after ``rotation``, then the shift), and last the residual; all in standard deviations of
        the landmarks.
    """
    rotated = (subject.neutral + subject.basis @ weights) @ rotation.T  # (L, 3)
    posed = rotated + shift
    camera = subject.camera
    scale = 1.0 / (camera.scale * subject.sigma)
    view = projection_jacobian(camera, posed) * scale[:, None, None]  # (L, 2, 3)
    by_pose = np.zeros((len(rotated), 3, 6))
    by_pose[:, :, 3:] = np.eye(3)
    by_pose[:, 0, 1], by_pose[:, 0, 2] = rotated[:, 2], -rotated[:, 1]
    by_pose[:, 1, 0], by_pose[:, 1, 2] = -rotated[:, 2], rotated[:, 0]
    by_pose[:, 2, 0], by_pose[:, 2, 1] = rotated[:, 1], -rotated[:, 0]
    residual = (camera.project(posed) - observed) * scale[:, None]
    parts = [(view @ rotation) @ subject.basis, view @ by_pose, residual[..., None]]
    return np.concatenate(parts, axis=2).reshape(2 * len(rotated), -1)


def projection_jacobian(camera: Camera, posed: Array) -> Array:
    """Differentiate the image points, pixels, by the posed points (L, 3): shape (L, 2, 3)."""
    depth = camera.distance - posed[:, 2]
    magnification = camera.scale * camera.distance / depth
    view = np.zeros((len(posed), 2, 3))
    view[:, 0, 0] = magnification
    view[:, 1, 1] = -magnification
    view[:, 0, 2] = magnification * posed[:, 0] / depth
    view[:, 1, 2] = -magnification * posed[:, 1] / depth
    return view


def _add_rotation(gram: Array, rotation: Array) -> None:
    """Add to ``gram`` the measured step of the rotation, a rotation vector (3,)."""
    at = np.arange(len(gram) - 7, len(gram) - 4)
    gram[at, at] += ROTATION_SIGMA**-2.0
    gram[at, -1] -= rotation * ROTATION_SIGMA**-2.0


def downweight_outliers(rows: Array) -> Array:
    """Scale down, in place, the rows of :func:`linearise` whose landmarks lie far off."""
    off = np.hypot(rows[0::2, -1], rows[1::2, -1])
    trust = np.where(off > OUTLIER, np.sqrt(OUTLIER / np.maximum(off, OUTLIER)), 1.0)
    rows *= np.repeat(trust, 2)[:, None]
    return rows


def bounded_step(gram: Array, weights: Array, subject: Subject) -> tuple[Array, Array]:
    """Solve one step: the pose is eliminated, the weights are found by coordinate descent.

    Parameters
    ----------
    gram : ndarray, shape (E + P + 1, E + P + 1)
        ``rows.T @ rows`` of :func:`linearise`; P is 6, or more with other unbounded unknowns
        between the weights and the pose.
    weights : ndarray, shape (E,)
        Those of the guess.
    subject : Subject

    Returns
    -------
    ndarray, shape (P,)
        Step of the pose and the other unbounded unknowns.
    ndarray, shape (E,)
        New weights.
    """
    count = len(weights)
    pose = slice(count, len(gram) - 1)
    # The rows are the equations: weight columns (new - weights) + pose columns step = -residual.
    target = gram[:, :count] @ weights - gram[:, -1]
    own = gram[pose, pose] + 1e-6 * np.eye(len(gram) - 1 - count)
    solved = np.linalg.solve(own, np.column_stack([gram[pose, :count], target[pose]]))
    hessian = gram[:count, :count] - gram[:count, pose] @ solved[:, :-1] + subject.prior
    linear = target[:count] - gram[:count, pose] @ solved[:, -1] - SPARSITY / subject.weight_sigma
    new = _descend(hessian, linear, weights, MAX_WEIGHT, SWEEPS)
    return solved[:, -1] - solved[:, :-1] @ new, new


@njit(cache=True)
def _descend(hessian: Array, linear: Array, start: Array, most: float, sweeps: int) -> Array:
    """Minimise x H x / 2 - linear x within 0..most by cyclic coordinate descent."""
    x = start.copy()
    slope = hessian @ x - linear
    for _ in range(sweeps):
        largest = 0.0
        for k in range(len(x)):
            new = min(max(x[k] - slope[k] / hessian[k, k], 0.0), most)
            change = new - x[k]
            if change != 0.0:
                x[k] = new
                slope += change * hessian[k]
                largest = max(largest, abs(change))
        if largest < DESCENT_TOLERANCE:
            break
    return x
