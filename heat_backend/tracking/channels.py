# SPDX-License-Identifier: GPL-3.0-or-later
"""Which expressions a video shows, how strongly landmarks read them, and their regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES

GAZE = tuple(name for name in EXPRESSION_NAMES if name.startswith("eyeLook"))
# Landmarks on the skin do not show these; mouthClose is known only against an open jaw.
UNSEEN = ("tongueOut", "cheekPuff", "jawForward", "mouthClose")
TRACKED = tuple(name for name in EXPRESSION_NAMES if name not in GAZE and name not in UNSEEN)

# Movement that FaceMesh reads over movement that the face model makes at 1: its lids never meet,
# its brows and corners lag. Measured on clips rendered by the warp engine, and on videos whose
# first frame performs them again.
READS = {
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

# Standard deviation of a weight, and of the difference of a pair's sides: faces are mostly
# symmetric, and a turned head must not read as a crooked mouth.
USUAL, CROOKED = 0.4, 0.1
# Shapes that mostly explain noise unless the landmarks speak clearly for them.
RARE = {
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
# Winks are no rarity.
FREE_SIDES = ("eyeBlink",)


def tracked_index() -> NDArray[np.intp]:
    """Return the indices into the 52 of the expressions in ``TRACKED``, shape (E,)."""
    return np.array([EXPRESSION_INDEX[name] for name in TRACKED], np.intp)


def reading() -> NDArray[np.float64]:
    """Return ``READS`` for each tracked expression, shape (E,), 1 where nothing is known."""
    return np.array([READS.get(_stem(name), 1.0) for name in TRACKED])


def _stem(name: str) -> str:
    """Name without its side: ``mouthSmile`` of ``mouthSmileLeft``; ``jawLeft`` stays."""
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return name
    return name.removesuffix("Left").removesuffix("Right")


def usual_weights() -> NDArray[np.float64]:
    """Return the standard deviation of each tracked expression's weight, shape (E,)."""
    return np.array([RARE.get(_stem(name), USUAL) for name in TRACKED])


def weight_prior() -> NDArray[np.float64]:
    """Return the inverse covariance (E, E) of the tracked weights."""
    prior = np.diag(usual_weights() ** -2.0)
    for k, name in enumerate(TRACKED):
        stem = _stem(name)
        if name == f"{stem}Left" and stem not in FREE_SIDES:
            both = [k, TRACKED.index(f"{stem}Right")]
            prior[np.ix_(both, both)] += np.array([[1.0, -1.0], [-1.0, 1.0]]) * CROOKED**-2.0
    return prior
