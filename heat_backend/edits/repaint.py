# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over a person's picture that applies all colour edits and the change of light."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

HAZE = np.float32(0.3)  # opacity up to which a person's pixels keep their light


@njit(cache=True, parallel=True, fastmath=True)
def repaint(
    person: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    used: NDArray[np.int64],
    slope: NDArray[np.float32],
    offset: NDArray[np.float32],
    even: NDArray[np.int8],
    evenness: float,
    light: NDArray[np.float32],
    whole: NDArray[np.int16],
    parts: NDArray[np.uint16],
    lit: bool,
    out: NDArray[np.uint8],
) -> None:
    """Write ``out``.

    Parameters
    ----------
    person : ndarray, shape (H, W, 4), uint8
        Premultiplied RGBA.
    masks : ndarray, shape (H, W, M), uint8
        Regions, 255 inside.
    used : ndarray, shape (U,), int64
        Those whose colours change.
    slope, offset : ndarray, shape (M, 3), float32
        A region's new colours: slope * colour + offset, 0..255.
    even : ndarray, shape (H, W, 3), int8
        What a step of evenness adds, in quarters of a level.
    evenness : float
        Steps.
    light : ndarray, shape (h, w), float32
        Factor on the colours, coarse; used if ``lit``.
    whole, parts : ndarray, shapes (H, W, 2), int16, and (H, W), uint16
        Where in ``light`` each pixel looks, in OpenCV's fixed-point format.
    lit : bool
    out : ndarray, shape (H, W, 4), uint8
    """
    height, width = person.shape[:2]
    bottom, right = light.shape[0] - 2, light.shape[1] - 2
    quarter = np.float32(evenness * 0.25)
    for i in prange(height):
        for j in range(width):
            alpha = np.float32(person[i, j, 3])
            out[i, j, 3] = person[i, j, 3]
            if alpha == np.float32(0.0):
                for c in range(3):
                    out[i, j, c] = person[i, j, c]
                continue
            share = alpha * np.float32(1.0 / 255.0)
            r = np.float32(person[i, j, 0])
            g = np.float32(person[i, j, 1])
            b = np.float32(person[i, j, 2])
            dr, dg, db = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for m in used:
                if masks[i, j, m] == 0:
                    continue
                w = np.float32(masks[i, j, m]) * np.float32(1.0 / 255.0)
                dr += w * ((slope[m, 0] - 1) * r + offset[m, 0] * share)
                dg += w * ((slope[m, 1] - 1) * g + offset[m, 1] * share)
                db += w * ((slope[m, 2] - 1) * b + offset[m, 2] * share)
            if quarter != 0.0:
                dr += quarter * share * even[i, j, 0]
                dg += quarter * share * even[i, j, 1]
                db += quarter * share * even[i, j, 2]
            r, g, b = r + dr, g + dg, b + db
            if lit:
                x = min(max(int(whole[i, j, 0]), 0), right)
                y = min(max(int(whole[i, j, 1]), 0), bottom)
                part = int(parts[i, j])
                fx = np.float32(part & 31) * np.float32(1.0 / 32.0)
                fy = np.float32(part >> 5) * np.float32(1.0 / 32.0)
                upper = light[y, x] + fx * (light[y, x + 1] - light[y, x])
                lower = light[y + 1, x] + fx * (light[y + 1, x + 1] - light[y + 1, x])
                q = upper + fy * (lower - upper)
                # What is hardly the person is wall that shines through, in its own light.
                solid = min(np.float32(1.0), max(np.float32(0.0), (share - HAZE) / (1 - HAZE)))
                q = np.float32(1.0) + solid * (q - np.float32(1.0))
                r, g, b = r * q, g * q, b * q
            # A premultiplied colour is never above its opacity.
            out[i, j, 0] = np.uint8(min(alpha, max(np.float32(0.0), r)) + np.float32(0.5))
            out[i, j, 1] = np.uint8(min(alpha, max(np.float32(0.0), g)) + np.float32(0.5))
            out[i, j, 2] = np.uint8(min(alpha, max(np.float32(0.0), b)) + np.float32(0.5))


@njit(cache=True, parallel=True)
def as_it_stands(
    photo: NDArray[np.uint8],
    person: NDArray[np.uint8],
    edited: NDArray[np.uint8],
    pad: int,
    out: NDArray[np.uint8],
) -> None:
    """Write the photo (H, W, 3) as it stands with another person in it to ``out`` (H, W, 4).

    ``person`` and ``edited`` reach over the photo by ``pad`` pixels.
    """
    for i in prange(photo.shape[0]):
        for j in range(photo.shape[1]):
            for c in range(3):
                before = np.int32(person[i + pad, j + pad, c])
                value = np.int32(photo[i, j, c]) + np.int32(edited[i + pad, j + pad, c]) - before
                out[i, j, c] = np.uint8(min(np.int32(255), max(np.int32(0), value)))
            out[i, j, 3] = 255
