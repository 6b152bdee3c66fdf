# SPDX-License-Identifier: GPL-3.0-or-later
"""How the head is turned, read off the landmarks' own depth.

A landmark network guesses depth from the whole picture, so nodding shows in it more than in the
few pixels that the landmarks move. Still parts of the face are laid over those of the face at
rest (Kabsch 1976).
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
STILL = 0.07  # farthest that an expression moves a landmark of a still part, model units


def still_parts(basis: Array, sigma: Array) -> NDArray[np.intp]:
    """Choose the landmarks (S,) that stay in place whatever the face does.

    Parameters
    ----------
    basis : ndarray, shape (L, 3, E)
        What expressions add.
    sigma : ndarray, shape (L,)
        Standard deviation of each landmark; those on the outline slide and are left out.
    """
    travel = np.linalg.norm(basis, axis=1).max(axis=1)
    firm = sigma < 2.0 * float(np.median(sigma))
    return np.flatnonzero(firm & (travel < max(STILL, float(np.quantile(travel[firm], 0.25)))))


def in_head_axes(points: NDArray[np.floating], rotation: Array) -> Array:
    """Landmarks (L, 3), pixels with y and z down and away, as (L, 3) in head axes, size 1."""
    upright = points.astype(np.float64) * (1.0, -1.0, -1.0)
    centred = upright - upright.mean(axis=0)
    shape: Array = centred @ rotation / np.sqrt((centred**2).sum(axis=1).mean())
    return shape


def head_turn(shape: Array, points: NDArray[np.floating]) -> Array:
    """Rotation (3, 3) that lays ``shape`` (S, 3), head axes, over landmarks ``points`` (S, 3)."""
    here = in_head_axes(points, np.eye(3))
    return nearest_rotation(here.T @ (shape - shape.mean(axis=0)))[0]


def unlike(shape: Array, other: Array) -> float:
    """Root mean square distance of two shapes (S, 3) from :func:`in_head_axes`, seen from ahead."""
    return float(np.sqrt(((shape - other)[:, :2] ** 2).sum(axis=1).mean()))


MOST = 1.0  # as far as shape keys go
# Linear cost of an expression at its usual weight: what landmarks do not ask for stays 0.
SPARSITY = 8.0
SWEEPS = 60
TURN_SIGMA = np.radians(0.3)  # of the turn read off depth; landmarks' errors move together
OUTLIER = 3.0  # standard deviations beyond which a landmark counts less


@dataclass(frozen=True)
class Person:
    """The face that is tracked.

    Attributes
    ----------
    neutral : ndarray, shape (L, 3)
        Landmarks of the face at rest, head axes about the pivot, model units.
    basis : ndarray, shape (L, 3, E)
        What each tracked expression adds to the landmarks as the detector reads them.
    prior : ndarray, shape (E, E)
        Inverse covariance of the weights.
    usual : ndarray, shape (E,)
        Standard deviation of each weight.
    sigma : ndarray, shape (L,)
        Standard deviation of each landmark, model units.
    camera : Camera
        Its centre is where the pivot stands in the rest frame, pixels.
    eye_center : ndarray, shape (2, 3)
        Of the left, the right eyeball, head axes.
    eye_radius : ndarray, shape (2,)
    opens : ndarray, shape (52,)
        Gap of the inner lips that each expression makes as it is performed.
    still : ndarray, shape (S,), int
        Landmarks of still parts.
    still_shape : ndarray, shape (S, 3), or None
        Those as the detector reads them of the face at rest, head axes; None: not known yet.
    """

    neutral: Array
    basis: Array
    prior: Array
    usual: Array
    sigma: Array
    camera: Camera
    eye_center: Array
    eye_radius: Array
    opens: Array
    still: NDArray[np.intp]
    still_shape: Array | None = None


@dataclass(frozen=True)
class FrameFit:
    """What one frame shows.

    Attributes
    ----------
    rotation : ndarray, shape (3, 3)
        Head axes in the picture's axes (contract).
    translation : ndarray, shape (3,)
        Of the pivot from the rest frame's, model units.
    weights : ndarray, shape (E,)
        0..``MOST``.
    error : float
        Median landmark distance, model units.
    """

    rotation: Array
    translation: Array
    weights: Array
    error: float


def solve_frame(
    person: Person, points: NDArray[np.floating], start: FrameFit, rounds: int = 3
) -> FrameFit:
    """Fit one frame by bounded, regularised Gauss-Newton steps.

    Parameters
    ----------
    person : Person
    points : ndarray, shape (478, 3)
        Landmarks, pixels, y down, z away from the viewer.
    start : FrameFit
        The frame before, or a guess.
    rounds : int
        Gauss-Newton steps.
    """
    observed = points[: len(person.neutral), :2].astype(np.float64)
    read = None
    if person.still_shape is not None:
        read = head_turn(person.still_shape, points[person.still])
    turn, shift, weights = start.rotation, start.translation, start.weights
    for _ in range(rounds):
        rows = trusted(linearised(person, observed, turn, shift, weights))
        gram = rows.T @ rows
        if read is not None:
            _pull(gram, Rotation.from_matrix(read @ turn.T).as_rotvec())
        step, weights = bounded_step(gram, weights, person)
        turn = Rotation.from_rotvec(step[:3]).as_matrix() @ turn
        shift = shift + step[3:]
    posed = (person.neutral + person.basis @ weights) @ turn.T + shift
    missed = person.camera.project(posed) - observed
    error = float(np.median(np.hypot(missed[:, 0], missed[:, 1]))) / person.camera.scale
    return FrameFit(turn, shift, weights, error)


def linearised(person: Person, observed: Array, turn: Array, shift: Array, weights: Array) -> Array:
    """Linearise one frame about a guess.

    Returns
    -------
    ndarray, shape (2L, E + 6 + 1)
        Derivatives by the weights and by the pose (a small turn about the picture's axes, left of
        ``turn``, then the shift), and last the residual; all in landmark standard deviations.
    """
    turned = (person.neutral + person.basis @ weights) @ turn.T  # (L, 3)
    posed = turned + shift
    camera = person.camera
    units = 1.0 / (camera.scale * person.sigma)
    view = seen_axes(camera, posed) * units[:, None, None]  # (L, 2, 3)
    along = np.zeros((len(turned), 3, 6))
    along[:, :, 3:] = np.eye(3)
    along[:, 0, 1], along[:, 0, 2] = turned[:, 2], -turned[:, 1]
    along[:, 1, 0], along[:, 1, 2] = -turned[:, 2], turned[:, 0]
    along[:, 2, 0], along[:, 2, 1] = turned[:, 1], -turned[:, 0]
    residual = (camera.project(posed) - observed) * units[:, None]
    parts = [(view @ turn) @ person.basis, view @ along, residual[..., None]]
    return np.concatenate(parts, axis=2).reshape(2 * len(turned), -1)


def seen_axes(camera: Camera, posed: Array) -> Array:
    """Derive, (L, 2, 3), the picture place, pixels, by the posed point."""
    depth = camera.distance - posed[:, 2]
    grown = camera.scale * camera.distance / depth
    view = np.zeros((len(posed), 2, 3))
    view[:, 0, 0] = grown
    view[:, 1, 1] = -grown
    view[:, 0, 2] = grown * posed[:, 0] / depth
    view[:, 1, 2] = -grown * posed[:, 1] / depth
    return view


def _pull(gram: Array, missing: Array) -> None:
    """Add to ``gram`` that the head should turn by ``missing`` (3,), radians."""
    turn = np.arange(len(gram) - 7, len(gram) - 4)
    gram[turn, turn] += TURN_SIGMA**-2.0
    gram[turn, -1] -= missing * TURN_SIGMA**-2.0


def trusted(rows: Array) -> Array:
    """Let landmarks that lie far off count less, in the rows of :func:`linearised`."""
    off = np.hypot(rows[0::2, -1], rows[1::2, -1])
    trust = np.where(off > OUTLIER, np.sqrt(OUTLIER / np.maximum(off, OUTLIER)), 1.0)
    rows *= np.repeat(trust, 2)[:, None]
    return rows


def bounded_step(gram: Array, weights: Array, person: Person) -> tuple[Array, Array]:
    """Step (6,) of the pose and new weights (E,): the pose eliminated, the weights by descent.

    ``gram`` is that of the rows of :func:`linearised`. Unknowns between the weights and the pose
    are treated, and returned, as the pose is.
    """
    count = len(weights)
    pose = slice(count, len(gram) - 1)
    # Rows say: face (new - weights) + pose step = -residual.
    target = gram[:, :count] @ weights - gram[:, -1]
    own = gram[pose, pose] + 1e-6 * np.eye(len(gram) - 1 - count)
    solved = np.linalg.solve(own, np.column_stack([gram[pose, :count], target[pose]]))
    hessian = gram[:count, :count] - gram[:count, pose] @ solved[:, :-1] + person.prior
    linear = target[:count] - gram[:count, pose] @ solved[:, -1] - SPARSITY / person.usual
    new = _descend(hessian, linear, weights, MOST, SWEEPS)
    return solved[:, -1] - solved[:, :-1] @ new, new


@njit(cache=True)
def _descend(hessian: Array, linear: Array, start: Array, most: float, sweeps: int) -> Array:
    """Minimise x H x / 2 - linear x within 0..most, coordinate by coordinate."""
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
        if largest < 1e-4:
            break
    return x
