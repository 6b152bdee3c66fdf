# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject of a video: identity and neutral face, estimated from frames spread over it.

Identity weights of the face model are found over all frames at once; then the landmarks of the
least expressive frames become the neutral face, so that what a face looks like at rest is not taken
for expression.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FaceModel, eyes, landmarks
from heat_backend.fit.face_blink import personal_expression
from heat_backend.fit.landmark_fit import LANDMARK_SIGMA, OVAL_SIGMA, FaceFit, fit_face
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import FACE_OVAL
from heat_backend.tracking.channels import (
    TRACKED,
    read_gains,
    tracked_indices,
    weight_prior,
    weight_sigmas,
)
from heat_backend.tracking.eyes_and_lips import lip_openings
from heat_backend.tracking.solve import (
    FrameFit,
    Subject,
    in_head_axes,
    linearise,
    projection_jacobian,
    rigid_landmarks,
    solve_frame,
)

Array = NDArray[np.float64]
# These constants were tuned on clips rendered by the warp engine and on videos of people.
FITTED_FRAMES = 5  # from which identity starts, and as many as all frames count in its fit
EXPRESSIVE_WEIGHT = 0.1  # of the other frames, against the least expressive ones
# Squared weight of an offset of the neutral landmarks in the image plane, and in depth, against one
# view of a landmark: depth is known only where the head turns.
PLANE_SPRING, DEPTH_SPRING = 1e-3, 0.02
SMILES = [TRACKED.index(f"mouthSmile{side}") for side in ("Left", "Right")]
SMILE_COST, JAW_COST = 5.0, 3.0  # in the sum of weights that tells how expressive a frame is
CLEAR_SMILE = 0.5  # sum of both sides' weights beyond the least smiling frames: less is no smile
REST_SHARE = 0.12  # of the frames: the least expressive ones show the neutral face
IDENTITY_ROUNDS, REST_ROUNDS = 2, 2
MAX_IDENTITY = 3.5  # standard deviations of an identity weight


def learn_subject(model: FaceModel, points: NDArray[np.float32]) -> tuple[Subject, FrameFit]:
    """Estimate the subject from some frames of a video.

    Parameters
    ----------
    model : FaceModel
    points : ndarray, shape (N, 478, 3)
        Landmarks of frames spread over the video, pixels.

    Returns
    -------
    Subject
    FrameFit
        Of the first of the frames.
    """
    chosen = _spread(points, FITTED_FRAMES)
    fits = [fit_face(model, FaceLandmarks(points[k])) for k in chosen]
    identity = np.mean([fit.identity for fit in fits], axis=0)
    subject = subject_of(model, identity, fits[0].camera)
    frames = _first_fits(subject, points, fits[0])
    for _ in range(IDENTITY_ROUNDS):
        identity = _identity_step(model, subject, identity, points, frames)
        subject = subject_of(model, identity, subject.camera)
        frames = _refitted(subject, points, frames)
    for _ in range(REST_ROUNDS):
        subject = _at_rest(subject, points, frames)
        frames = _refitted(subject, points, frames)
    return subject, frames[0]


def subject_of(model: FaceModel, identity: Array, camera: Camera) -> Subject:
    """Return the subject with identity weights (K,), its neutral face that of the model."""
    shaped = model.vertices + np.tensordot(identity, model.identity, 1)
    expression = personal_expression(model, identity)
    basis = np.stack([landmarks(model, expression[k]) for k in tracked_indices()]).astype(
        np.float64
    )
    basis *= read_gains()[:, None, None]
    basis = np.ascontiguousarray(basis.transpose(1, 2, 0))
    center, radius = eyes(model, identity)
    sigma = np.full(468, LANDMARK_SIGMA)
    sigma[FACE_OVAL] = OVAL_SIGMA
    return Subject(
        np.asarray(landmarks(model, shaped), np.float64), basis, weight_prior(), weight_sigmas(),
        sigma, camera,
        center.astype(np.float64), np.asarray(radius, np.float64), lip_openings(model, expression),
        rigid_landmarks(basis, sigma),
    )  # fmt: skip


def _first_fits(subject: Subject, points: NDArray[np.float32], fit: FaceFit) -> list[FrameFit]:
    """Fit frames that may lie far apart, each from the one before, the first from ``fit``."""
    frame = FrameFit(fit.rotation, np.zeros(3), fit.expression[tracked_indices()], 0.0)
    frames = []
    for one in points:
        frame = solve_frame(subject, one, frame, rounds=5)
        frames.append(frame)
    return frames


def _refitted(
    subject: Subject, points: NDArray[np.float32], frames: list[FrameFit]
) -> list[FrameFit]:
    """Fit each frame again, to a better known subject."""
    return [
        solve_frame(subject, one, frame, rounds=2)
        for one, frame in zip(points, frames, strict=True)
    ]


def _spread(points: NDArray[np.float32], count: int) -> list[int]:
    """Choose frames whose head angles differ most (farthest points), a median one first."""
    angles = np.array([FaceLandmarks(one).head_angles() for one in points])
    middle = np.median(angles, axis=0)
    chosen = [int(np.abs(angles - middle).sum(axis=1).argmin())]
    while len(chosen) < min(count, len(points)):
        apart = np.abs(angles[:, None] - angles[chosen][None]).sum(axis=2).min(axis=1)
        chosen.append(int(apart.argmax()))
    return chosen


def _identity_step(
    model: FaceModel, subject: Subject, identity: Array, points: NDArray[np.float32],
    frames: list[FrameFit],
) -> Array:  # fmt: skip
    """Gauss-Newton step of the identity weights (K,) over all frames at once."""
    fields = np.stack([landmarks(model, field) for field in model.identity], axis=-1)  # (L, 3, K)
    count = len(identity)
    by_identity = replace(subject, basis=fields.astype(np.float64), prior=np.eye(count))
    own = subject.neutral - by_identity.basis @ identity
    hessian, slope = np.eye(count), -identity.copy()
    # Landmark errors are correlated from frame to frame: all frames count as a few.
    share = FITTED_FRAMES / len(points)
    for one, frame in zip(points, frames, strict=True):
        here = replace(by_identity, neutral=own + subject.basis @ frame.weights)
        rows = linearise(
            here, one[:468, :2].astype(np.float64), frame.rotation, frame.translation, identity
        )
        gram = rows.T @ rows * share
        # The pose is eliminated: what it could explain says nothing about identity.
        cross = np.linalg.solve(gram[count:-1, count:-1], gram[count:-1])
        free = gram[:count] - gram[:count, count:-1] @ cross
        hessian += free[:, :count]
        slope -= free[:, -1]
    return np.asarray(
        np.clip(identity + np.linalg.solve(hessian, slope), -MAX_IDENTITY, MAX_IDENTITY)
    )


def _at_rest(subject: Subject, points: NDArray[np.float32], frames: list[FrameFit]) -> Subject:
    """Make the face of the least expressive frames the neutral one, as its landmarks were detected.

    Each landmark's offset is solved in three dimensions: frames of a turned head tell its depth.
    """
    weights = np.array([frame.weights for frame in frames])
    common = np.median(weights, axis=0)
    jaw = TRACKED.index("jawOpen")
    expressive = np.abs(weights - common).sum(axis=1) + JAW_COST * weights[:, jaw]
    # Of a subject that smiles most of the time the frames without a smile are neutral.
    smile = weights[:, SMILES].sum(axis=1)
    beyond = smile - np.quantile(smile, REST_SHARE) - CLEAR_SMILE
    expressive += SMILE_COST * np.maximum(0.0, beyond)
    calm = np.argsort(expressive)[: max(3, round(REST_SHARE * len(frames)))]
    held = weights[calm].mean(axis=0)
    frame_weight = np.full(len(frames), EXPRESSIVE_WEIGHT)
    frame_weight[calm] = 1.0
    spring = np.diag([PLANE_SPRING, PLANE_SPRING, DEPTH_SPRING]) * frame_weight.sum()
    hessian = np.tile(spring, (len(subject.neutral), 1, 1))
    slope = np.zeros_like(subject.neutral)
    for one, frame, share in zip(points, frames, frame_weight, strict=True):
        residual, view = _residual(subject, one, frame)
        hessian += share * view.transpose(0, 2, 1) @ view
        slope += share * (view.transpose(0, 2, 1) @ residual[..., None])[..., 0]
    offset = np.linalg.solve(hessian, slope[..., None])[..., 0]
    shapes = [in_head_axes(points[k][subject.rigid], frames[k].rotation) for k in calm]
    return replace(
        subject,
        neutral=subject.neutral + offset + subject.basis @ held,
        rigid_shape=np.mean(shapes, axis=0),
    )


def _residual(
    subject: Subject, points: NDArray[np.float32], frame: FrameFit
) -> tuple[Array, Array]:
    """From fitted to detected landmarks (468, 2), and its derivative by head axes (468, 2, 3).

    Both in model units.
    """
    posed = (subject.neutral + subject.basis @ frame.weights) @ frame.rotation.T + frame.translation
    residual = (points[:468, :2] - subject.camera.project(posed)) / subject.camera.scale
    return residual, projection_jacobian(
        subject.camera, posed
    ) @ frame.rotation / subject.camera.scale
