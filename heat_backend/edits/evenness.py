# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uneven about skin: blotches and rings, between pores and the face's own shading."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FINE, COARSE = 0.03, 0.15  # outer-eye distances: pores are finer, shading is coarser
MOST = 24.0  # levels: more is a feature of the face
PER_STEP = 1.0 / 3.0
SHADE_SHARE = 0.6  # of differences in light, which may be relief


def unevenness(
    pixels: NDArray[np.uint8], skin: NDArray[np.float32], unit: float
) -> NDArray[np.int8]:
    """Return what one step of evenness adds (H, W, 3), in quarters of a level.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    skin : ndarray, shape (H, W), float32
    unit : float
        Outer-eye distance, pixels.
    """
    core = cv2.erode(skin, np.ones((2 * max(1, round(0.03 * unit)) + 1,) * 2, np.uint8))
    colour = pixels.astype(np.float32)
    band = _blurred(colour, skin, FINE * unit) - _blurred(colour, skin, COARSE * unit)
    grey = band.mean(axis=2, keepdims=True)
    band = (band - grey) + SHADE_SHARE * grey
    band = band * np.exp(-((grey / MOST) ** 2))
    step = -PER_STEP * band * cv2.GaussianBlur(core, (0, 0), max(0.7, 0.03 * unit))[..., None]
    return np.rint(np.clip(4.0 * step * skin[..., None], -127, 127)).astype(np.int8)


def _blurred(
    colour: NDArray[np.float32], weight: NDArray[np.float32], sigma: float
) -> NDArray[np.float32]:
    """Blur that sees the skin alone."""
    sigma = max(0.7, sigma)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    summed = cv2.GaussianBlur(colour * weight[..., None], (0, 0), sigma)
    return np.asarray(summed / np.maximum(total, 1e-3), np.float32)
