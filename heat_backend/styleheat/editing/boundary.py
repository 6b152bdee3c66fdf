# SPDX-License-Identifier: GPL-3.0-or-later
"""The plane between two sets of codes: its normal is the way from one to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from bridge.errors import BadInput

Floats = NDArray[np.float64]

FEWEST = 4
"""Examples of each kind without which nothing can be held out."""
FOLDS = 5
RIDGE = 1e-4  # against codes of length 1: enough where there are fewer examples than numbers
_TURNS = 300


@dataclass(frozen=True)
class Boundary:
    """A way through the codes.

    Attributes
    ----------
    direction : ndarray, shape (18, 512)
        Of length 1 in all, from the examples without to those with.
    apart : float
        How far the middles of the two sets lie apart along it, where examples are measured along
        a direction that was found without them.
    accuracy : float
        Share of examples on the right side of a boundary that was found without them, both kinds
        counting alike.
    """

    direction: Floats
    apart: float
    accuracy: float


def find_boundary(having: NDArray[np.floating], lacking: NDArray[np.floating]) -> Boundary:
    """Find the boundary between codes by logistic regression with a ridge.

    Parameters
    ----------
    having, lacking : ndarray, shape (n, 18, 512)
        Codes of examples with and without the attribute; at least four of each.

    Raises
    ------
    BadInput
        When there are too few, or all are the same.
    """
    counts = len(having), len(lacking)
    if min(counts) < FEWEST:
        raise BadInput(
            f"{min(counts)} usable pictures in a folder: {FEWEST} at least are needed, and "
            "dozens for a good direction"
        )
    codes = np.concatenate([having, lacking]).reshape(sum(counts), -1).astype(np.float64)
    kind = np.repeat([1.0, 0.0], counts)
    if not np.ptp(codes, axis=0).any():
        raise BadInput("all pictures have the same codes: give different ones")
    direction, _ = _fit(codes, kind)
    apart, accuracy = _held_out(codes, kind)
    return Boundary(direction.reshape(having.shape[1:]), apart, accuracy)


def _fit(codes: Floats, kind: Floats) -> tuple[Floats, float]:
    """Fit a plane between codes (n, D) of kind 0 and 1: its normal (D,), and its place on it."""
    middle = codes.mean(axis=0)
    length = float(np.sqrt(np.square(codes - middle).sum(axis=1).mean())) or 1.0
    x = (codes - middle) / length
    # Both kinds count alike, however many pictures there are of each.
    share = np.where(kind == 1, 0.5 / kind.sum(), 0.5 / (len(kind) - kind.sum()))
    sign = 2.0 * kind - 1.0

    def loss(values: Floats) -> tuple[float, Floats]:
        margin = sign * (x @ values[:-1] + values[-1])
        pull = -share * sign * expit(-margin)
        slope = np.append(pull @ x + RIDGE * values[:-1], pull.sum())
        ridge = 0.5 * RIDGE * float(values[:-1] @ values[:-1])
        return float(share @ np.logaddexp(0.0, -margin)) + ridge, slope

    start = np.zeros(codes.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _TURNS}).x
    steep = max(float(np.linalg.norm(found[:-1])), 1e-12)
    normal = found[:-1] / steep
    return normal, float(middle @ normal - found[-1] / steep * length)


def _held_out(codes: Floats, kind: Floats) -> tuple[float, float]:
    """Judge examples by boundaries found without them: how far apart they lie, how many right."""
    folds = int(min(FOLDS, kind.sum(), len(kind) - kind.sum()))
    order = np.random.default_rng(0).permutation(len(kind))
    fold = np.empty(len(kind), int)
    for value in (0.0, 1.0):  # as many of each kind in every fold
        members = order[kind[order] == value]
        fold[members] = np.arange(len(members)) % folds
    beyond = np.zeros(len(kind))
    for number in range(folds):
        out = fold == number
        normal, place = _fit(codes[~out], kind[~out])
        beyond[out] = codes[out] @ normal - place
    apart = float(beyond[kind == 1].mean() - beyond[kind == 0].mean())
    right = (beyond > 0.0) == (kind == 1.0)
    return apart, float(0.5 * (right[kind == 1].mean() + right[kind == 0].mean()))
