# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of polygons and triangles, their areas, and the shading inside an opening."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SUPERSAMPLE = 4  # samples per pixel and axis: 16 steps of coverage
FRACTION_BITS = 4  # of OpenCV's fixed-point coordinates: sixteenths of a pixel


@dataclass(frozen=True)
class Patch:
    """A mask over a part of the frame.

    Attributes
    ----------
    left, top : int
        Frame pixel of the mask's first column and row.
    mask : ndarray, shape (h, w), float32
        0 outside .. 1 inside.
    """

    left: int
    top: int
    mask: NDArray[np.float32]


def outline_patch(
    polygon: NDArray[np.floating], width: int, height: int, margin: int = 2
) -> Patch | None:
    """Rasterise a closed polygon (M, 2), frame pixels, with exact coverage; None if empty."""
    left = max(0, int(np.floor(polygon[:, 0].min())) - margin)
    top = max(0, int(np.floor(polygon[:, 1].min())) - margin)
    right = min(width, int(np.ceil(polygon[:, 0].max())) + margin + 1)
    bottom = min(height, int(np.ceil(polygon[:, 1].max())) + margin + 1)
    if right - left < 2 or bottom - top < 2:
        return None
    fine = np.zeros(((bottom - top) * SUPERSAMPLE, (right - left) * SUPERSAMPLE), np.uint8)
    # Frame pixel centres are at integers; so are the fine raster's.
    at = (polygon - (left, top) + 0.5) * SUPERSAMPLE - 0.5
    fixed = np.rint(at * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(fine, [fixed], 255, cv2.LINE_8, FRACTION_BITS)
    # The filling includes its border, which for a shut opening is all there is.
    cv2.polylines(fine, [fixed], True, 0, 1, cv2.LINE_8, FRACTION_BITS)
    mask = cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    if not mask.any():
        return None
    return Patch(left, top, mask.astype(np.float32) * np.float32(1.0 / 255.0))


def triangle_mask(
    points: NDArray[np.floating],
    triangles: NDArray[np.integer],
    shape: tuple[int, ...],
    rounding: Callable[[NDArray[np.floating]], NDArray[np.floating]] = np.rint,
) -> NDArray[np.uint8]:
    """Rasterise triangles as one flat shape, without depth and without antialiasing.

    Parameters
    ----------
    points : ndarray, shape (V, 2)
        Pixels, x and y; the first pixel's centre is at (0, 0).
    triangles : ndarray, shape (T, 3)
    shape : tuple of int
        Rows, columns.
    rounding : callable
        Takes points to whole sixteenths of a pixel.

    Returns
    -------
    ndarray, shape (rows, columns), uint8
        1 where a triangle is, its border included, else 0.
    """
    fixed = rounding(points * (1 << FRACTION_BITS)).astype(np.int32)
    covered = np.zeros(shape, np.uint8)
    for triangle in triangles:
        cv2.fillConvexPoly(covered, fixed[triangle], 1, cv2.LINE_8, FRACTION_BITS)
    return covered


def polygon_area(polygon: NDArray[np.floating]) -> float:
    """Area of a closed polygon (M, 2), by the shoelace formula."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def contact_shade(mask: NDArray[np.float32], reach: float, least: float) -> NDArray[np.float32]:
    """Darkening near the outline, where lips and lids keep the light out.

    Parameters
    ----------
    mask : ndarray, shape (h, w), float32
    reach : float
        Standard deviation of the shadow's softness, pixels.
    least : float
        Shade right at the outline; 1 far inside.
    """
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.6, reach), borderType=cv2.BORDER_CONSTANT)
    inside = np.clip(2.0 * soft - 0.6, 0.0, 1.0) / 1.0
    return (least + (1.0 - least) * inside).astype(np.float32)
