# SPDX-License-Identifier: GPL-3.0-or-later
"""Directions of the shape edits for one portrait, so that what they name is what is seen to move.

Many changes of identity give a head of the model the same wider nose. Which of them also reads as
a wider nose, and as nothing else, depends on the picture: its light, its pose, its style. The
portrait is rendered with some faces of the model laid on and tracked; of all directions that move
the model's own measures as they should and that the tracker reads so, too, the one of minimum norm
is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bridge import edit_directions
from bridge.edits import IDENTITY_EDITS, SHAPE_EDITS
from bridge.face_model import PART_NAMES, SKIN_PARTS, landmarks, shape
from bridge.face_model import load as load_model
from heat_backend.edits.face_measurements import (
    DEPTHS,
    FROM_LANDMARKS,
    GUESSED,
    measured,
    measured_head,
)
from heat_backend.edits.shape import ANCHOR
from heat_backend.geometry.landmark_measures import upright

Floats = NDArray[np.float64]
# Track a frame with identity weights (K,) added: landmarks (478, 3), None where no face is found.
Track = Callable[[Floats], NDArray[np.floating] | None]

NAMES = tuple(edit.name for edit in SHAPE_EDITS)
TRACKED = tuple(name for name in FROM_LANDMARKS if name not in DEPTHS + GUESSED)
COUNT = len(IDENTITY_EDITS)
PRIME = 59  # of the trials' design: one trial more than that, at least one more than components
TRIAL_WEIGHT = 0.6  # standard deviations of every component in a trial
FEWEST = 0.9  # share of the trials in which a face must be found
TESTED_AT = 2.0  # standard deviations of the named measure at which a direction is tested
ROUNDS = 3
AIM, LEAK = 0.8, 0.2  # of what the model says: least of the named measure, most of any other
MOST_OWN = 1.2  # of the model's named measure, where a tracker reads it weakly
MODEL_LEAK = 0.12  # of a measure: what a model's direction may move others by at no loss
LONGEST = 1.3  # of the model's direction's norm: a longer one makes another person's face
APART = 0.5  # distance from the model's direction, of how far that moves the face's points
# Of the terms of the loss: the model's measures count most, the norm decides among equals.
MODEL_WEIGHT, TRACKED_WEIGHT, FAR_WEIGHT, NORM_WEIGHT = 300.0, 40.0, 100.0, 0.1


def trial_faces() -> Floats:
    """Identity weights (PRIME + 1, K) of the trials: orthogonal columns, after Paley."""
    squares = {i * i % PRIME for i in range(1, PRIME)}
    sign = np.array([0.0, *(1.0 if i in squares else -1.0 for i in range(1, PRIME))])
    steps = np.arange(PRIME)
    turned = sign[(steps[:, None] - steps[None]) % PRIME]
    core = np.ones((PRIME + 1, PRIME + 1))
    core[1:, 1:] = turned - np.eye(PRIME)
    core[1:, 0] = -1.0
    return np.asarray(TRIAL_WEIGHT * core[:, 1 : COUNT + 1], np.float64)


@cache
def model_gradient() -> Floats:
    """Return what each component adds (E, K) to each measure of the model, standard deviations."""
    model, still = load_model(), np.zeros(52)
    spread = edit_directions.load().spread
    sides = []
    for side in (1.0, -1.0):
        heads = [measured_head(model, shape(model, w, still)) for w in side * np.eye(COUNT)]
        sides.append(np.array([[head[name] / spread[name] for head in heads] for name in NAMES]))
    return np.asarray(0.5 * (sides[0] - sides[1]), np.float64)


@cache
def picture_motion() -> Floats:
    """Mean products (K, K) of what components move the skin's points by, across and upward.

    Against the middle of the eyes' corners, which edits leave where it is.
    """
    model = load_model()
    skin = np.isin(model.vertex_part, [PART_NAMES.index(part) for part in SKIN_PARTS])
    still = np.stack([landmarks(model, field)[ANCHOR].mean(axis=0) for field in model.identity])
    moved = (model.identity[:, skin] - still[:, None])[..., :2].reshape(COUNT, -1)
    return np.asarray(moved @ moved.T / skin.sum(), np.float64)


class PortraitDirections:
    """One portrait's directions, each found when its edit is first used.

    Parameters
    ----------
    prepare : callable
        Makes what a frame with other identity weights is tracked by; called when first needed.
    """

    def __init__(self, prepare: Callable[[], Track]) -> None:
        self._prepare = prepare
        self._track: Track | None = None
        self._rest: NDArray[np.floating] | None = None
        self._response: Floats | None = None
        self._found: dict[str, NDArray[np.float32]] = {}

    def find(self, names: Mapping[str, float]) -> None:
        """Find the directions of the shape edits among ``names`` that are not known yet."""
        for name in names:
            if name in NAMES and name not in self._found:
                self._found[name] = self._direction(name).astype(np.float32)

    def identity_change(self, edits: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the change of identity weights (K,) for edits.

        Where no direction was found, the model's own is used.
        """
        plain = {name: value for name, value in edits.items() if name not in self._found}
        change = edit_directions.identity_change(plain)
        for name in edits.keys() & self._found.keys():
            change = change + np.float32(edits[name]) * self._found[name]
        return change

    def _direction(self, name: str) -> Floats:
        if self._track is None:
            self._track = self._prepare()
            self._rest = self._track(np.zeros(COUNT))
            self._response = self._measure_response() if self._rest is not None else None
        if self._response is None:
            return np.asarray(edit_directions.load().weights[name], np.float64)
        offsets = np.zeros((1, len(TRACKED)))
        best, least = None, np.inf
        for _ in range(ROUNDS + 1):
            found = _minimum_norm_direction(name, self._response, offsets)
            sides = [self._tracked_change(side * TESTED_AT * found) for side in (1.0, -1.0)]
            if any(side is None for side in sides):
                break
            seen = np.array([sides[0], -sides[1]]) / TESTED_AT  # type: ignore[operator]
            missed = _missed(name, seen)[0]
            if missed < least:
                best, least = found, missed
            if missed == 0.0:
                break
            offsets = seen - found @ self._response
        return best if best is not None else _minimum_norm_direction(name, self._response, offsets)

    def _tracked_change(self, identity: Floats) -> Floats | None:
        """Tracked change of the measures (M,) by identity weights, standard deviations."""
        assert self._track is not None and self._rest is not None
        points = self._track(identity)
        if points is None:
            return None
        spread = edit_directions.load().spread
        rest = self._rest
        after, before = (measured(upright(p, rest)) for p in (points, rest))
        return np.array([float(after[n] - before[n]) / spread[n] for n in TRACKED])

    def _measure_response(self) -> Floats | None:
        """Tracked change (K, M) of each measure by a unit of each component, by least squares."""
        trials = trial_faces()
        rows = [self._tracked_change(trial) for trial in trials]
        found = np.array([row is not None for row in rows])
        if found.mean() < FEWEST:
            return None
        seen = np.array([row for row in rows if row is not None])
        design = np.column_stack([trials[found], np.ones(found.sum())])
        return np.asarray(np.linalg.lstsq(design, seen, rcond=None)[0][:-1], np.float64)


def _missed(name: str, seen: Floats) -> tuple[float, Floats]:
    """How far tracked changes (N, M) are off what they must be, and its gradient (N, M)."""
    excess = np.sign(seen) * np.maximum(0.0, np.abs(seen) - LEAK)
    if name in TRACKED:
        own = TRACKED.index(name)
        excess[:, own] = np.minimum(0.0, seen[:, own] - AIM)
    return float((excess**2).sum() / len(seen)), 2.0 * excess / len(seen)


def _minimum_norm_direction(name: str, response: Floats, offsets: Floats) -> Floats:
    """Return the direction (K,) of minimum norm that moves, and is tracked to move, its measure.

    Parameters
    ----------
    name : str
    response : ndarray, shape (K, M)
    offsets : ndarray, shape (N, M)
        Where tracking differed from ``response`` at the last trial, one row for each.
    """
    gradient, own = model_gradient(), NAMES.index(name)

    def loss(direction: Floats) -> tuple[float, Floats]:
        moved = gradient @ direction
        off = np.sign(moved) * np.maximum(0.0, np.abs(moved) - MODEL_LEAK)
        off[own] = moved[own] - np.clip(moved[own], 1.0, MOST_OWN)
        missed, slope = _missed(name, direction @ response + offsets)
        value = MODEL_WEIGHT * (off @ off) + TRACKED_WEIGHT * missed
        value += NORM_WEIGHT * (direction @ direction)
        by = 2.0 * MODEL_WEIGHT * (off @ gradient) + TRACKED_WEIGHT * (response @ slope.sum(axis=0))
        by += 2.0 * NORM_WEIGHT * direction
        for metric, from_, most in limits:
            value_over, by_over = _beyond(direction - from_, metric, most)
            value, by = value + value_over, by + by_over
        return float(value), by

    moving = picture_motion()
    start = np.asarray(edit_directions.load().weights[name], np.float64)
    limits = (
        (np.eye(COUNT), np.zeros(COUNT), LONGEST * float(np.linalg.norm(start))),
        (moving, start, APART * float(np.sqrt(start @ moving @ start))),
    )
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    got = float(gradient[own] @ found.x)
    return np.asarray(found.x * (np.clip(got, 1.0, MOST_OWN) / got), np.float64)


def _beyond(step: Floats, metric: Floats, most: float) -> tuple[float, Floats]:
    """Penalty on a step (K,) longer than ``most`` by a metric (K, K), and its gradient (K,)."""
    along = metric @ step
    far = float(np.sqrt(step @ along)) + 1e-9
    over = max(0.0, far / most - 1.0)
    return FAR_WEIGHT * over**2, 2.0 * FAR_WEIGHT * over / (far * most) * along
