# SPDX-License-Identifier: GPL-3.0-or-later
"""What triangles cover of a coarse raster."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FRACTION_BITS = 4


def silhouette(
    points: NDArray[np.floating],
    triangles: NDArray[np.integer],
    shape: tuple[int, int],
    whole: bool = False,
) -> NDArray[np.uint8]:
    """Rasterise triangles as one flat shape.

    Parameters
    ----------
    points : ndarray, shape (V, 2)
        Cells, x and y; the first one's centre is at (0, 0).
    triangles : ndarray, shape (T, 3)
    shape : tuple of int
        Rows, columns.
    whole : bool
        Fill the holes.

    Returns
    -------
    ndarray, shape (rows, columns), uint8
        1 where a triangle is, else 0.
    """
    fixed = (points * (1 << FRACTION_BITS)).astype(np.int32)
    covered = np.zeros(shape, np.uint8)
    for triangle in triangles:
        cv2.fillConvexPoly(covered, fixed[triangle], 1, shift=FRACTION_BITS)
    if whole:
        outlines, _ = cv2.findContours(covered, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(covered, outlines, -1, 1, cv2.FILLED)
    return covered
