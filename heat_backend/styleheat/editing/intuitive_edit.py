# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleHEAT's "intuitive editing": a clip through a few head poses and expressions.

Each key is reached in ten steps from the one before, both ends included.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heat_backend.styleheat.driving import paper_motion

STEPS = 10
EXPRESSION_KEYS = ("center", "mouth", "center", "eyebrow", "center", "eyes", "center")

# Pitch, yaw, roll in rad, in the order in which they are shown; each is followed by the centre.
HEAD_TURNS: Mapping[str, tuple[float, float, float]] = {
    "left_x": (0.0, 0.0, np.pi / 10),
    "right_x": (0.0, 0.0, -np.pi / 10),
    "left_y": (np.pi / 10, 0.0, 0.0),
    "right_y": (-np.pi / 10, 0.0, 0.0),
    "left_z": (0.0, np.pi / 8, 0.0),
    "right_z": (0.0, -np.pi / 8, 0.0),
}
_DEPTH = 0.45  # the translation that every turned pose is given


def rotation_course() -> NDArray[np.float64]:
    """Return angles and translation (120, 6) of the head's turns, for columns 64 to 69."""
    keys = [key for turn in HEAD_TURNS.values() for key in (turn, (0.0, 0.0, 0.0))]
    angles = _course(np.zeros(3), [np.array(key) for key in keys])
    course = np.zeros((len(angles), 6))
    course[:, :3] = angles
    course[:, 5] = _DEPTH
    return course


def expression_course(
    start: NDArray, shapes: Mapping[str, NDArray], as_published: bool = False
) -> NDArray[np.float64]:
    """Return the expressions (70, 64) from ``start`` through all of :data:`EXPRESSION_KEYS`.

    Parameters
    ----------
    start : ndarray, shape (64,)
        The photo's expression.
    shapes : mapping of ndarray, shape (64,)
        By the names in :data:`EXPRESSION_KEYS`.
    as_published : bool
        The published procedure reads "where the last key ended" from the row that it is writing,
        so that the way to the first key is eased: each step starts at the step before.
    """
    keys = [np.asarray(shapes[name], np.float64) for name in EXPRESSION_KEYS]
    course = _course(np.asarray(start, np.float64), keys)
    if as_published:
        current = np.asarray(start, np.float64)
        for step, share in enumerate(_shares()):
            current = current + (keys[0] - current) * share
            course[step] = current
    return course


def edited(vector: NDArray, course: NDArray, columns: slice) -> NDArray[np.float32]:
    """Return a clip (T, 73) that holds ``vector`` (73,) but for ``columns``, which follow."""
    clip = np.repeat(np.asarray(vector, np.float32)[None], len(course), axis=0)
    clip[:, columns] = course
    return clip


def rotation_clip(vector: NDArray) -> NDArray[np.float32]:
    """Return the clip (120, 73) of the head's turns; the crop stays."""
    columns = slice(paper_motion.ANGLES.start, paper_motion.TRANSLATION.stop)
    return edited(vector, rotation_course(), columns)


def _shares() -> NDArray[np.float64]:
    return np.arange(STEPS) / (STEPS - 1)


def _course(start: NDArray, keys: list[NDArray]) -> NDArray[np.float64]:
    rows, current = [], start
    for key in keys:
        rows += [current + (key - current) * share for share in _shares()]
        current = key
    return np.stack(rows)
