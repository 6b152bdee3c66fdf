# SPDX-License-Identifier: GPL-3.0-or-later
"""The neighbours that the networks look at for one frame: of motion, and of sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RADIUS = 13
LENGTH = 2 * RADIUS + 1

MEL_BANDS = 80
MEL_RATE = 80  # rows a second
VIDEO_RATE = 25
# Length of a mel window -> how many video frames before the frame it begins.
_MEL_LEAD = {16: 2, 32: 4, 48: 7, 80: 12}


def window_indices(frame: int, count: int) -> NDArray[np.int64]:
    """Return the 27 indices around ``frame`` of a clip of ``count`` frames, ends repeated."""
    return np.clip(np.arange(frame - RADIUS, frame + RADIUS + 1), 0, count - 1)


def motion_window(vectors: NDArray, frame: int) -> NDArray:
    """Return the (73, 27) window of one frame.

    Parameters
    ----------
    vectors : ndarray, shape (T, 73)
        The clip.
    frame : int
        Index from 0.
    """
    return np.ascontiguousarray(vectors[window_indices(frame, len(vectors))].T)


def still_window(vector: NDArray) -> NDArray:
    """Return the (73, 27) window of a pose (73,) that is held."""
    return np.repeat(vector[:, None], LENGTH, axis=1)


def mel_start(frame: int, length: int = 32) -> int:
    """Return the first mel row that belongs to a video frame (25 a second)."""
    return int(MEL_RATE * max(0, frame - _MEL_LEAD[length]) / VIDEO_RATE)


def mel_window(mel: NDArray, frame: int, length: int = 32) -> NDArray:
    """Return the (80, length) window of sound for one video frame; the last row is repeated.

    Parameters
    ----------
    mel : ndarray, shape (T, 80)
        80 rows a second.
    frame : int
        Video frame, from 0, 25 a second.
    length : int
        16, 32, 48 or 80 rows.
    """
    rows = np.minimum(mel_start(frame, length) + np.arange(length), len(mel) - 1)
    return np.ascontiguousarray(mel[rows].T)
