# SPDX-License-Identifier: GPL-3.0-or-later
"""The person, resampled through the flow and laid over the wall.

Almost all pixels go the short way: the coarse flow is interpolated, ``cv2.remap`` fetches the
person, one pass blends it over the wall. Only flow cells where surfaces meet are mixed by hand.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from heat_backend.warp.occlusion_boundaries import Region, blend_occlusion_boundaries

# Range of the fixed-point places in 32nds of a pixel: 16-bit whole pixels.
FARTHEST_LEFT, FARTHEST_RIGHT = -32000 * 32, 32000 * 32


def compose_foreground(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    person: NDArray[np.uint8],
    pad: int,
    source: NDArray[np.float32],
    nearest: NDArray[np.float32],
    stride: int,
    jump: float,
    region: Region,
) -> None:
    """Write ``region`` of a frame.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
        RGBA, written inside the region.
    background : ndarray, shape (H, W, 4), uint8
        RGBA, alpha 255.
    person : ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
        Premultiplied RGBA.
    pad : int
        Pixels by which ``person`` reaches over the picture on each side.
    source : ndarray, shape (GH, GW, 2), float32
        Where in the photo (x, y pixels) the output pixel (j * stride, i * stride) comes from.
    nearest : ndarray, shape (GH, GW), float32
        Depth of the flow's cells, ``FAR`` where nothing is.
    stride : int
        Output pixels per flow cell.
    jump : float
        A step of source coordinates between neighbouring cells, in pixels, above which they lie
        on different surfaces and must not be blended.
    region : tuple of int
    """
    left, top, right, bottom = region
    if right <= left or bottom <= top:
        return
    whole = np.empty((bottom - top, right - left, 2), np.int16)
    parts = np.empty((bottom - top, right - left), np.uint16)
    _interpolate(source, stride, float(pad), left, top, whole, parts)
    fetched = cv2.remap(person, whole, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    view = out[top:bottom, left:right]
    behind = background[top:bottom, left:right]
    _lay_over(
        fetched.view(np.uint32)[..., 0],
        behind.view(np.uint32)[..., 0],
        view.view(np.uint32)[..., 0],
    )
    blend_occlusion_boundaries(
        out, background, person, pad, source, nearest, stride, float(jump), region
    )


@njit(cache=True, parallel=True, fastmath=True)
def _interpolate(
    source: NDArray[np.float32],
    stride: int,
    pad: float,
    left: int,
    top: int,
    whole: NDArray[np.int16],
    parts: NDArray[np.uint16],
) -> None:
    """Interpolate the flow bilinearly to every pixel of a region, in coordinates of the person.

    Written the way ``cv2.remap`` takes them fastest: whole pixels, and an index of the 32nds of
    x and y (OpenCV's fixed-point map format, CV_16SC2 and CV_16UC1).
    """
    height, width = parts.shape
    step = np.float32(1.0 / stride)
    for i in prange(height):
        y = (top + i) // stride
        fy = np.float32((top + i) - y * stride) * step
        first = left // stride
        for cell in range(first, (left + width - 1) // stride + 1):
            ax = source[y, cell, 0] + fy * (source[y + 1, cell, 0] - source[y, cell, 0])
            ay = source[y, cell, 1] + fy * (source[y + 1, cell, 1] - source[y, cell, 1])
            bx = source[y, cell + 1, 0] + fy * (source[y + 1, cell + 1, 0] - source[y, cell + 1, 0])
            by = source[y, cell + 1, 1] + fy * (source[y + 1, cell + 1, 1] - source[y, cell + 1, 1])
            dx, dy = (bx - ax) * step, (by - ay) * step
            for k in range(stride):
                j = cell * stride + k - left
                if 0 <= j < width:
                    u = int(np.floor((ax + k * dx + pad) * 32 + np.float32(0.5)))
                    v = int(np.floor((ay + k * dy + pad) * 32 + np.float32(0.5)))
                    u = min(max(u, FARTHEST_LEFT), FARTHEST_RIGHT)
                    v = min(max(v, FARTHEST_LEFT), FARTHEST_RIGHT)
                    whole[i, j, 0] = u >> 5
                    whole[i, j, 1] = v >> 5
                    parts[i, j] = (v & 31) * 32 + (u & 31)


@njit(cache=True, parallel=True)
def _lay_over(
    person: NDArray[np.uint32], wall: NDArray[np.uint32], out: NDArray[np.uint32]
) -> None:
    """Blend premultiplied RGBA over opaque RGBA, two channels of a pixel in one multiplication."""
    low = np.uint32(0x00FF00FF)
    half = np.uint32(0x00800080)
    eight = np.uint32(8)
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            p, w = person[i, j], wall[i, j]
            share = np.uint32(255) - (p >> np.uint32(24))
            even = (w & low) * share + half
            even = ((even + ((even >> eight) & low)) >> eight) & low
            odd = ((w >> eight) & low) * share + half
            odd = (odd + ((odd >> eight) & low)) & np.uint32(0xFF00FF00)
            out[i, j] = p + (even | odd)
