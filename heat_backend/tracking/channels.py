# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracked expressions: how strongly landmarks show each, and the prior of its weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES

GAZE = tuple(name for name in EXPRESSION_NAMES if name.startswith("eyeLook"))
# Landmarks on the skin do not show these; mouthClose shows only against an open jaw.
INVISIBLE = ("tongueOut", "cheekPuff", "jawForward", "mouthClose")
TRACKED = tuple(name for name in EXPRESSION_NAMES if name not in GAZE and name not in INVISIBLE)

# Movement of FaceMesh's landmarks over movement of the face model at 1: its lids never meet, its
# brows and mouth corners lag. Measured on clips rendered by the warp engine, and on videos that
# their first frame performed again (tools/measures/reenactment.py).
READ_GAINS = {
    "eyeBlink": 0.58,
    "jawOpen": 0.8,
    "mouthSmile": 0.65,
    "mouthPucker": 0.42,
    "mouthFunnel": 0.5,
    "mouthStretch": 0.8,
    "mouthFrown": 0.9,
    "mouthLowerDown": 1.5,
    "mouthUpperUp": 1.3,
    "browInnerUp": 0.55,
    "browOuterUp": 0.75,
    "browDown": 0.5,
}

# Standard deviation of a weight, and of the difference between a pair's sides: faces are mostly
# symmetric, and a turned head must not read as a crooked mouth. Tuned as READ_GAINS were measured.
WEIGHT_SIGMA, ASYMMETRY_SIGMA = 0.4, 0.1
# Of expressions that mostly explain noise unless the landmarks show them clearly.
RARE_SIGMAS = {
    "cheekSquint": 0.15,
    "noseSneer": 0.15,
    "mouthDimple": 0.15,
    "mouthPress": 0.2,
    "eyeWide": 0.25,
    "eyeSquint": 0.25,
    "mouthShrugUpper": 0.15,
    "mouthShrugLower": 0.2,
    "mouthRollLower": 0.2,
    "mouthRollUpper": 0.2,
    "jawLeft": 0.12,
    "jawRight": 0.12,
    "mouthLeft": 0.12,
    "mouthRight": 0.12,
}
# Pairs whose sides are independent: winks.
ASYMMETRIC = ("eyeBlink",)


def tracked_indices() -> NDArray[np.intp]:
    """Return the indices into the 52 expressions of ``TRACKED``, shape (E,)."""
    return np.array([EXPRESSION_INDEX[name] for name in TRACKED], np.intp)


def read_gains() -> NDArray[np.float64]:
    """Return ``READ_GAINS`` for each tracked expression, shape (E,), 1 where not measured."""
    return np.array([READ_GAINS.get(_stem(name), 1.0) for name in TRACKED])


def to_expressions(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread tracked weights (T, E) over all 52 expressions (T, 52)."""
    out = np.zeros((len(weights), len(EXPRESSION_INDEX)))
    out[:, tracked_indices()] = weights
    return out


def _stem(name: str) -> str:
    """Name without its side: ``mouthSmile`` of ``mouthSmileLeft``; ``jawLeft`` stays."""
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return name
    return name.removesuffix("Left").removesuffix("Right")


def weight_sigmas() -> NDArray[np.float64]:
    """Return the standard deviation of each tracked expression's weight, shape (E,)."""
    return np.array([RARE_SIGMAS.get(_stem(name), WEIGHT_SIGMA) for name in TRACKED])


def weight_prior() -> NDArray[np.float64]:
    """Return the inverse covariance (E, E) of the tracked weights."""
    prior = np.diag(weight_sigmas() ** -2.0)
    for k, name in enumerate(TRACKED):
        stem = _stem(name)
        if name == f"{stem}Left" and stem not in ASYMMETRIC:
            both = [k, TRACKED.index(f"{stem}Right")]
            prior[np.ix_(both, both)] += (
                np.array([[1.0, -1.0], [-1.0, 1.0]]) * ASYMMETRY_SIGMA**-2.0
            )
    return prior
