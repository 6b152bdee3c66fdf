# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is filmed: identity and face at rest, learnt from frames all over the video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_blink import personal_expression
from bridge.face_model import FaceModel, eyes, landmarks
from heat_backend.fit.landmark_fit import LANDMARK_SIGMA, OVAL_SIGMA, FaceFit, fit_face
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import FACE_OVAL
from heat_backend.tracking.channels import (
    TRACKED,
    reading,
    tracked_index,
    usual_weights,
    weight_prior,
)
from heat_backend.tracking.eyes_and_lips import openings
from heat_backend.tracking.solve import (
    FrameFit,
    Person,
    in_head_axes,
    linearised,
    seen_axes,
    solve_frame,
    still_parts,
)

Array = NDArray[np.float64]
FITTED_FRAMES = 5
LOUD_TRUST = 0.1  # of the other frames
DEPTH_SPRING = 0.02  # holds a landmark to its fitted depth, against views
SMILES = [TRACKED.index(f"mouthSmile{side}") for side in ("Left", "Right")]
SMILING = 5.0  # as many other expressions as a smile outweighs
CLEAR = 0.5  # of both sides together: less is no smile
REST_SHARE = 0.12  # of the frames: the least expressive ones show the face at rest
IDENTITY_ROUNDS, REST_ROUNDS = 2, 2


def learn_person(model: FaceModel, points: NDArray[np.float32]) -> tuple[Person, FrameFit]:
    """Learn the person from some frames of a video.

    Parameters
    ----------
    model : FaceModel
    points : ndarray, shape (N, 478, 3)
        Landmarks of frames spread over the video, pixels.

    Returns
    -------
    Person
    FrameFit
        The first of the frames, to start from.
    """
    chosen = _spread(points, FITTED_FRAMES)
    fits = [fit_face(model, FaceLandmarks(points[k])) for k in chosen]
    identity = np.mean([fit.identity for fit in fits], axis=0)
    person = person_of(model, identity, fits[0].camera)
    frames = _first_fits(person, points, fits[0])
    for _ in range(IDENTITY_ROUNDS):
        identity = _identity_step(model, person, identity, points, frames)
        person = person_of(model, identity, person.camera)
        frames = _refitted(person, points, frames)
    for _ in range(REST_ROUNDS):
        person = _at_rest(person, points, frames)
        frames = _refitted(person, points, frames)
    return person, frames[0]


def person_of(model: FaceModel, identity: Array, camera: Camera) -> Person:
    """Return the person with identity weights (K,), at rest as the model has it."""
    shaped = model.vertices + np.tensordot(identity, model.identity, 1)
    own = personal_expression(model, identity)
    basis = np.stack([landmarks(model, own[k]) for k in tracked_index()]).astype(np.float64)
    basis *= reading()[:, None, None]
    basis = np.ascontiguousarray(basis.transpose(1, 2, 0))
    center, radius = eyes(model, identity)
    sigma = np.full(468, LANDMARK_SIGMA)
    sigma[FACE_OVAL] = OVAL_SIGMA
    return Person(
        np.asarray(landmarks(model, shaped), np.float64), basis, weight_prior(), usual_weights(),
        sigma, camera,
        center.astype(np.float64), np.asarray(radius, np.float64), openings(model, own),
        still_parts(basis, sigma),
    )  # fmt: skip


def _first_fits(person: Person, points: NDArray[np.float32], fit: FaceFit) -> list[FrameFit]:
    """Fit frames that may lie far apart, each from the one before, the first from ``fit``."""
    frame = FrameFit(fit.rotation, np.zeros(3), fit.expression[tracked_index()], 0.0)
    frames = []
    for one in points:
        frame = solve_frame(person, one, frame, rounds=5)
        frames.append(frame)
    return frames


def _refitted(
    person: Person, points: NDArray[np.float32], frames: list[FrameFit]
) -> list[FrameFit]:
    """Fit each frame again to what the person is known to be by now."""
    return [
        solve_frame(person, one, frame, rounds=2) for one, frame in zip(points, frames, strict=True)
    ]


def _spread(points: NDArray[np.float32], count: int) -> list[int]:
    """Choose frames that differ most in how the head is turned, a frontal one first."""
    angles = np.array([FaceLandmarks(one).head_angles() for one in points])
    middle = np.median(angles, axis=0)
    chosen = [int(np.abs(angles - middle).sum(axis=1).argmin())]
    while len(chosen) < min(count, len(points)):
        apart = np.abs(angles[:, None] - angles[chosen][None]).sum(axis=2).min(axis=1)
        chosen.append(int(apart.argmax()))
    return chosen


def _identity_step(
    model: FaceModel, person: Person, identity: Array, points: NDArray[np.float32],
    frames: list[FrameFit],
) -> Array:  # fmt: skip
    """Gauss-Newton step of the identity weights (K,) over all frames at once."""
    fields = np.stack([landmarks(model, field) for field in model.identity], axis=-1)  # (L, 3, K)
    count = len(identity)
    by_identity = replace(person, basis=fields.astype(np.float64), prior=np.eye(count))
    own = person.neutral - by_identity.basis @ identity
    hessian, slope = np.eye(count), -identity.copy()
    # Landmark errors of one video are alike from frame to frame: its frames count as a few.
    counts = FITTED_FRAMES / len(points)
    for one, frame in zip(points, frames, strict=True):
        here = replace(by_identity, neutral=own + person.basis @ frame.weights)
        rows = linearised(
            here, one[:468, :2].astype(np.float64), frame.rotation, frame.translation, identity
        )
        gram = rows.T @ rows * counts
        # What a change of pose could do as well says nothing about identity.
        cross = np.linalg.solve(gram[count:-1, count:-1], gram[count:-1])
        free = gram[:count] - gram[:count, count:-1] @ cross
        hessian += free[:, :count]
        slope -= free[:, -1]
    return np.asarray(np.clip(identity + np.linalg.solve(hessian, slope), -3.5, 3.5))


def _at_rest(person: Person, points: NDArray[np.float32], frames: list[FrameFit]) -> Person:
    """Make the least expressive frames' face the neutral one, as its landmarks were read.

    Each landmark's place is solved in three dimensions: frames of a turned head tell its depth.
    """
    weights = np.array([frame.weights for frame in frames])
    common = np.median(weights, axis=0)
    jaw = TRACKED.index("jawOpen")
    loud = np.abs(weights - common).sum(axis=1) + 3.0 * weights[:, jaw]
    # Who smiles most of the time is at rest where not.
    smile = weights[:, SMILES].sum(axis=1)
    loud += SMILING * np.maximum(0.0, smile - np.quantile(smile, REST_SHARE) - CLEAR)
    calm = np.argsort(loud)[: max(3, round(REST_SHARE * len(frames)))]
    held = weights[calm].mean(axis=0)
    trust = np.full(len(frames), LOUD_TRUST)
    trust[calm] = 1.0
    spring = np.diag([1e-3, 1e-3, DEPTH_SPRING]) * trust.sum()
    hessian = np.tile(spring, (len(person.neutral), 1, 1))
    slope = np.zeros_like(person.neutral)
    for one, frame, share in zip(points, frames, trust, strict=True):
        missed, view = _missed(person, one, frame)
        hessian += share * view.transpose(0, 2, 1) @ view
        slope += share * (view.transpose(0, 2, 1) @ missed[..., None])[..., 0]
    offset = np.linalg.solve(hessian, slope[..., None])[..., 0]
    read = [in_head_axes(points[k][person.still], frames[k].rotation) for k in calm]
    return replace(
        person,
        neutral=person.neutral + offset + person.basis @ held,
        still_shape=np.mean(read, axis=0),
    )


def _missed(person: Person, points: NDArray[np.float32], frame: FrameFit) -> tuple[Array, Array]:
    """Measure from fitted to read landmarks (468, 2), and how the head's axes are seen (468, 2, 3).

    Both in model units.
    """
    posed = (person.neutral + person.basis @ frame.weights) @ frame.rotation.T + frame.translation
    missed = (points[:468, :2] - person.camera.project(posed)) / person.camera.scale
    return missed, seen_axes(person.camera, posed) @ frame.rotation / person.camera.scale


def lids_open(frame: FrameFit) -> float:
    """Share of the eyes' opening that is left, 0..1, the wider eye's."""
    shut = [frame.weights[TRACKED.index(f"eyeBlink{side}")] for side in ("Left", "Right")]
    return float(1.0 - min(1.0, min(shut)))


def weights_of_52(weights: Array) -> Array:
    """Spread tracked weights (T, E) over all 52 expressions (T, 52)."""
    out = np.zeros((len(weights), len(EXPRESSION_INDEX)))
    out[:, tracked_index()] = weights
    return out
