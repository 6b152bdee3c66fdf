# SPDX-License-Identifier: GPL-3.0-or-later
"""The reduced picture that a detector looks at: networks see faces small, pixels only cost time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def working_view(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) with a long side of at most ``side`` pixels, or as it is."""
    scale = min(1.0, side / max(pixels.shape[:2]))
    if scale == 1.0:
        return pixels
    return np.asarray(
        cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
