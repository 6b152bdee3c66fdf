# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the blink of the face model to one person's eyes, so that the lids meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.face_model import FaceModel, shape

OVERLAP = 0.002  # by which the upper lid passes the lower one, model units
ROUNDS = 6


def personal_expression(model: FaceModel, identity_weights: ArrayLike) -> NDArray[np.float32]:
    """Return the expressions of one person: ``eyeBlink*`` fitted to the height of the eyes.

    The offsets of the basis close the neutral's eyes; wider eyes need more, narrower less.
    The blink of each eye is scaled along the lid by what its margins lack.

    Parameters
    ----------
    model : FaceModel
    identity_weights : (k,) float
        As for ``shape``.

    Returns
    -------
    (52, V, 3) float32
        A new array; all other expressions are those of the model.
    """
    out = model.expression.copy()
    neutral = shape(model, identity_weights, np.zeros(len(EXPRESSION_NAMES)))
    for side, loop in (("Left", model.lid_left), ("Right", model.lid_right)):
        k = EXPRESSION_INDEX[f"eyeBlink{side}"]
        gain = _blink_gain(neutral, out[k], loop, model.lid_upper_count)
        out[k] *= gain[:, None]
    return out


def _blink_gain(
    neutral: NDArray[np.float32],
    blink: NDArray[np.float32],
    loop: NDArray[np.int32],
    upper_count: int,
) -> NDArray[np.float32]:
    """Return the factor (V,) by which ``blink`` closes the lids of ``neutral``.

    The factor depends on x alone. The lids slide sideways as they close, so it is found by
    a few rounds of measuring what is still open.
    """
    upper = loop[1 : upper_count - 1]
    lower = np.concatenate([loop[upper_count - 1 :], loop[:1]])
    upper = upper[np.argsort(neutral[upper, 0], kind="stable")]

    def gap(gain: NDArray[np.float32]) -> NDArray[np.float32]:
        posed = neutral + gain[:, None] * blink
        low = posed[lower[np.argsort(posed[lower, 0], kind="stable")]]
        return posed[upper, 1] - np.interp(posed[upper, 0], low[:, 0], low[:, 1])

    opening = gap(np.zeros(len(neutral), dtype=np.float32))
    # Toward the corners opening and travel both vanish: the middle's factors hold there.
    sure = opening > 0.15 * opening.max()
    x = neutral[upper[sure], 0]
    factor = np.ones(len(x))
    gain = np.ones(len(neutral), dtype=np.float32)
    for _ in range(ROUNDS):
        factor += (gap(gain)[sure] + OVERLAP) / opening[sure]
        factor = np.clip(factor, 0.5, 2.0)
        gain = np.interp(neutral[:, 0], x, factor).astype(np.float32)
    return gain
