# SPDX-License-Identifier: GPL-3.0-or-later
"""Relaxing the photo's own expression, so that absolute rigs start from a neutral face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_NAMES
from bridge.face_model import FaceModel
from heat_backend.fit.landmark_fit import FaceFit
from heat_backend.fit.lip_contact import close_lips, lips_apart

# Channel of ``PosedModel.deltas`` that holds the relaxation, after the 52 expressions.
RELAX = len(EXPRESSION_NAMES)

# One photo cannot tell low brows from lowered brows: only part of what was fitted is undone.
BROW_SHARE = 0.4  # by eye on the test portraits
FARTHEST_CLOSING = 0.12  # outer-eye distances; a shout pulled shut would crumple the lips


def relaxing_field(
    model: FaceModel, fit: FaceFit, rest: NDArray[np.floating], expression: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Offsets that take the photo's expression out of the face and let its lips just meet.

    Parameters
    ----------
    model : FaceModel
    fit : FaceFit
    rest : ndarray, shape (V, 3)
        The face as photographed, picture axes, model units.
    expression : ndarray, shape (52, V, 3), float32
        Offsets of this person's expressions, head axes.

    Returns
    -------
    ndarray, shape (V, 3), float32
        Picture axes.
    """
    weight = fit.expression.copy()
    for k, name in enumerate(EXPRESSION_NAMES):
        if name.startswith("brow"):
            weight[k] *= BROW_SHARE
    field = -np.tensordot(weight, expression, 1)
    head = rest @ fit.rotation + field
    field += close_lips(model, head, np.minimum(lips_apart(model, head), FARTHEST_CLOSING))
    return np.asarray(field @ fit.rotation.T, np.float32)
