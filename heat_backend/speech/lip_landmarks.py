# SPDX-License-Identifier: GPL-3.0-or-later
"""The 20 lip landmarks of the 68-point scheme, on the face model."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge import face_model
from bridge.motion_clip import MotionClip
from bridge.whole_file import user_file
from heat_backend.geometry.landmark_contours import LIPS_68
from heat_backend.speech.visemes import CHANNELS, expression_columns

UPPER_INNER, LOWER_INNER = slice(13, 16), slice(17, 20)
"""Points 61..63 and 65..67 of the scheme, which part when the mouth opens; the lower ones run from
left to right, the upper ones from right to left."""


@lru_cache(maxsize=1)
def neutral_and_offsets() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the neutral landmarks (20, 3) and the offset that each expression adds (52, 20, 3).

    Head axes, outer-eye distances.
    """
    model = face_model.load()
    points = list(LIPS_68)
    corners = model.triangles[model.landmark_triangle[points]]
    weights = model.landmark_weights[points]
    neutral = np.einsum("nk,nkd->nd", weights, model.vertices[corners])
    offsets = np.einsum("nk,enkd->end", weights, model.expression[:, corners])
    return neutral.astype(np.float32), offsets.astype(np.float32)


def channel_offsets() -> NDArray[np.float32]:
    """Return the offset that each channel adds to the landmarks, (C, 20, 3)."""
    _, offsets = neutral_and_offsets()
    return np.stack([offsets[list(expression_columns(name))].sum(axis=0) for name in CHANNELS])


def lip_landmarks(expression: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the landmarks (T, 20, 3) of expressions (T, 52)."""
    neutral, offsets = neutral_and_offsets()
    return neutral + np.einsum("te,end->tnd", np.asarray(expression, np.float32), offsets)


def opening(expression: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the distance (T,) of the inner lips in the middle, in outer-eye distances.

    Parameters
    ----------
    expression : (T, 52) float
    """
    points = lip_landmarks(expression)
    apart = points[:, UPPER_INNER, 1] - points[:, LOWER_INNER, 1][:, ::-1]
    return apart[:, 1]


def save_landmarks(clip: MotionClip, path: Path) -> None:
    """Write the landmarks of every frame to an ``.npz``: ``landmarks`` (T, 20, 3) and ``fps``.

    Points 48..67 of the 68-point scheme, in the axes of the face model, in outer-eye distances.

    Raises
    ------
    BadInput
        The file cannot be written there.
    """
    with user_file(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            format=np.array("heat-lip-landmarks"),
            version=np.array(1),
            fps=np.array(float(clip.fps)),
            points=np.arange(48, 68),
            landmarks=lip_landmarks(clip.expression),
        )
