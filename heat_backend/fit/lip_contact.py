# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact of the lips: the gap between them, offsets that close it, and two corrections by them.

All in the axes of the head or of the upright picture, x to the subject's left, y up, in model
units (outer-eye distances of the neutral).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel

LOWER_LIP_SHARE = 0.65  # of the gap, the rest is the upper lip's: jaws carry the lower lip
LIP_REACH = 0.25  # outer-eye distances over which skin follows the lips: to the nose and chin
MOST_TO_CLOSE = 0.05  # outer-eye distances; wider open in the photo is meant to stay open

# Shapes that move closed lips without parting them.
SEALED = (
    *("mouthRollUpper", "mouthRollLower", "mouthShrugUpper", "mouthShrugLower", "mouthPucker"),
    *("mouthLeft", "mouthRight", "cheekPuff", "jawLeft", "jawRight"),
    *(
        f"mouth{kind}{side}"
        for kind in ("Press", "Smile", "Frown", "Dimple", "Stretch")
        for side in ("Left", "Right")
    ),
)


def lip_gap(model: FaceModel, head: NDArray[np.floating]) -> NDArray[np.float64]:
    """Height of the mouth's opening under each vertex of the lower run, corner to corner.

    Parameters
    ----------
    model : FaceModel
    head : ndarray, shape (V, 3)
        Vertices in head axes, model units.
    """
    return np.maximum(0.0, lips_apart(model, head))


def lips_apart(model: FaceModel, head: NDArray[np.floating]) -> NDArray[np.float64]:
    """As :func:`lip_gap`; below 0 where the lips overlap."""
    upper, lower = _runs(model)
    order = np.argsort(head[upper, 0])
    ceiling = np.interp(head[lower, 0], head[upper, 0][order], head[upper, 1][order])
    return np.asarray(ceiling - head[lower, 1], np.float64)


def close_lips(
    model: FaceModel, head: NDArray[np.floating], gap: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Offsets (V, 3) in head axes that bring the lips nearer by ``gap``, the skin following.

    Parameters
    ----------
    model : FaceModel
    head : ndarray, shape (V, 3)
    gap : ndarray
        How much to close, as :func:`lip_gap` counts; below 0 parts them.
    """
    upper, lower = _runs(model)
    skin = np.flatnonzero(model.vertex_part == PART_NAMES.index("face"))
    x, y = head[skin, 0], head[skin, 1]
    along = np.argsort(head[lower, 0])
    at = head[lower, 0][along]
    here = np.interp(x, at, gap[along])
    middle = head[lower, 1] + 0.5 * lip_gap(model, head)
    below = y < np.interp(x, at, middle[along])
    below[np.isin(skin, lower[1:-1])] = True
    below[np.isin(skin, upper[1:-1])] = False
    distance, _ = cKDTree(head[model.lip_inner, :2]).query(head[skin, :2])
    follow = np.exp(-((distance / LIP_REACH) ** 2))
    moved = np.zeros(head.shape)
    moved[skin, 1] = np.where(below, LOWER_LIP_SHARE, LOWER_LIP_SHARE - 1.0) * here * follow
    return moved


def seal_lips(
    model: FaceModel,
    head: NDArray[np.float64],
    expression: NDArray[np.float32],
    view: NDArray[np.floating],
) -> None:
    """Take the opening out of expressions that move closed lips without parting them.

    For: all photos, closed mouths above all. A photo's lips lie elsewhere than the model's, so that
    the model's own offsets would part them a little.

    Parameters
    ----------
    model : FaceModel
    head : ndarray, shape (V, 3)
        The face as photographed, head axes.
    expression : ndarray, shape (52, V, 3), float32
        Offsets in head axes, changed in place.
    view : ndarray, shape (3, 3)
        Takes rows of ``head`` to the picture's axes, made upright.
    """
    own = lip_gap(model, head @ view)
    for name in SEALED:
        moved = (head + expression[EXPRESSION_INDEX[name]]) @ view
        excess = np.maximum(0.0, lip_gap(model, moved) - own)
        if excess.max() > 0.0:
            closing = close_lips(model, moved, excess) @ view.T
            expression[EXPRESSION_INDEX[name]] += closing.astype(np.float32)


def close_open_jaw(
    model: FaceModel,
    head: NDArray[np.float64],
    expression: NDArray[np.float32],
    view: NDArray[np.floating],
) -> None:
    """Let ``mouthClose`` bring the lips together that ``jawOpen`` parted, where little misses.

    For: all photos; parameters as in :func:`seal_lips`.
    """
    jaw, close = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
    moved = (head + expression[jaw] + expression[close]) @ view
    missing = np.minimum(lip_gap(model, moved), MOST_TO_CLOSE)
    expression[close] += (close_lips(model, moved, missing) @ view.T).astype(np.float32)


def _runs(model: FaceModel) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Upper and lower inner lip, both from the subject's right corner to the left."""
    loop, count = model.lip_inner, model.lip_upper_count
    lower = np.concatenate([loop[:1], loop[count:][::-1], loop[count - 1 : count]])
    return loop[:count], lower
