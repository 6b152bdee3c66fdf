# SPDX-License-Identifier: GPL-3.0-or-later
"""The dark line of lashes where a closing eye's lids meet: the photo shows it only half."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.ramps import smoothstep
from heat_backend.layers.eyes import EyeLayer

WIDTH = 0.05  # eye widths
FROM_CLOSED, TO_CLOSED = 0.55, 0.95  # share of the opening that is gone
STRENGTH = 0.92
FRACTION_BITS = 4


def paint_lash_line(
    out: NDArray[np.uint8], margin: NDArray[np.floating], eye: EyeLayer, closed: float
) -> None:
    """Draw the line along the upper lid's margin, the stronger the more the eye is shut.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
        Changed in place.
    margin : ndarray, shape (M, 2)
        Margin of the upper lid from corner to corner, frame pixels.
    eye : EyeLayer
    closed : float
        0 as wide as in the photo .. 1 shut.
    """
    strength = STRENGTH * float(smoothstep(FROM_CLOSED, TO_CLOSED, closed))
    if strength <= 0.0:
        return
    width = max(1.0, WIDTH * eye.width_px)
    reach = int(np.ceil(2 * width)) + 2
    height, full = out.shape[:2]
    left, top = (int(max(0, v)) for v in np.floor(margin.min(axis=0)) - reach)
    right = int(min(full, np.ceil(margin[:, 0].max()) + reach))
    bottom = int(min(height, np.ceil(margin[:, 1].max()) + reach))
    if right <= left or bottom <= top:
        return
    line = np.zeros((bottom - top, right - left), np.uint8)
    points = np.rint((margin - (left, top)) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.polylines(line, [points], False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION_BITS)
    soft = cv2.GaussianBlur(line, (0, 0), max(0.5, 0.3 * width)).astype(np.float32)
    soft /= max(float(soft.max()), 1.0)
    # Lashes thin out toward both corners.
    along = np.clip((np.arange(left, right) - margin[0, 0]) / np.ptp(margin[[0, -1], 0]), 0, 1)
    thin = np.clip(4.0 * along * (1.0 - along) * 1.5, 0.0, 1.0).astype(np.float32)
    share = (strength * soft * thin)[..., None]
    view = out[top:bottom, left:right, :3]
    mixed = view + share * (eye.lash - view)
    np.copyto(view, np.rint(np.clip(mixed, 0, 255)), casting="unsafe")
