# SPDX-License-Identifier: GPL-3.0-or-later
"""Relaxing the photo's own expression, so that absolute rigs start from a neutral face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_NAMES
from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.fit.landmark_fit import FaceFit

# Channel of ``PosedModel.deltas`` that holds the relaxation, after the 52 expressions.
RELAX = len(EXPRESSION_NAMES)

# One photo cannot tell low brows from lowered brows: only part of what was fitted is undone.
BROW_SHARE = 0.4
LOWER_LIP_SHARE = 0.65  # of what keeps the lips apart; the rest is the upper lip's
FARTHEST_CLOSING = 0.12  # outer-eye distances; a shout pulled shut would crumple the lips
LIP_REACH = 0.25  # outer-eye distances over which skin follows the lips


def relaxing_field(
    model: FaceModel, fit: FaceFit, rest: NDArray[np.float64], expression: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Offsets that take the photo's expression out of the face and let its lips meet.

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
    field += _close_lips(model, head)
    return np.asarray(field @ fit.rotation.T, np.float32)


def _close_lips(model: FaceModel, head: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return offsets in head axes that let the inner lips meet, as far as that looks right."""
    loop, count = model.lip_inner, model.lip_upper_count
    upper = loop[:count]
    lower = np.concatenate([loop[:1], loop[count:][::-1], loop[count - 1 : count]])
    order = np.argsort(head[upper, 0])
    ceiling = np.interp(head[lower, 0], head[upper, 0][order], head[upper, 1][order])
    gap = np.clip(ceiling - head[lower, 1], 0.0, FARTHEST_CLOSING)
    line = ceiling - 0.5 * gap
    skin = np.flatnonzero(model.vertex_part == PART_NAMES.index("face"))
    x, y = head[skin, 0], head[skin, 1]
    along = np.argsort(head[lower, 0])
    at = head[lower, 0][along]
    here = np.interp(x, at, gap[along])
    below = y < np.interp(x, at, line[along])
    below[np.isin(skin, lower[1:-1])] = True
    below[np.isin(skin, upper[1:-1])] = False
    distance, _ = cKDTree(head[loop, :2]).query(head[skin, :2])
    follow = np.exp(-((distance / LIP_REACH) ** 2))
    moved = np.zeros_like(head)
    moved[skin, 1] = np.where(below, LOWER_LIP_SHARE, LOWER_LIP_SHARE - 1.0) * here * follow
    return moved
