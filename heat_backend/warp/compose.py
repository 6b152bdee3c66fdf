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

from heat_backend.raster import FAR, NOWHERE

Region = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are exclusive


def compose_person(
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
    places = np.empty((bottom - top, right - left, 2), np.float32)
    _interpolate(source, stride, float(pad), left, top, places)
    fetched = cv2.remap(person, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    view = out[top:bottom, left:right]
    behind = background[top:bottom, left:right]
    _lay_over(
        fetched.view(np.uint32)[..., 0],
        behind.view(np.uint32)[..., 0],
        view.view(np.uint32)[..., 0],
    )
    _mix_seams(out, background, person, pad, source, nearest, stride, float(jump), region)


@njit(cache=True, parallel=True, fastmath=True)
def _interpolate(
    source: NDArray[np.float32],
    stride: int,
    pad: float,
    left: int,
    top: int,
    places: NDArray[np.float32],
) -> None:
    """Interpolate the flow bilinearly to every pixel of a region, in coordinates of the person."""
    height, width = places.shape[:2]
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
                    places[i, j, 0] = ax + k * dx + pad
                    places[i, j, 1] = ay + k * dy + pad


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


@njit(cache=True, parallel=True, fastmath=True)
def _mix_seams(
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
    """Repaint the cells whose corners lie on different surfaces, or on none.

    There colours are mixed, not places: between the places lies neither surface.
    """
    left, top, right, bottom = region
    for i in prange(top // stride, (bottom - 1) // stride + 1):
        for j in range(left // stride, (right - 1) // stride + 1):
            covered = 0
            low_x = low_y = np.float32(1e9)
            high_x = high_y = np.float32(-1e9)
            for c in range(4):
                a, b = i + (c >> 1), j + (c & 1)
                if nearest[a, b] > FAR:
                    covered += 1
                low_x, high_x = min(low_x, source[a, b, 0]), max(high_x, source[a, b, 0])
                low_y, high_y = min(low_y, source[a, b, 1]), max(high_y, source[a, b, 1])
            if covered == 4 and high_x - low_x <= jump and high_y - low_y <= jump:
                continue
            if covered == 0 and source[i, j, 0] <= NOWHERE:
                continue
            for y in range(max(top, i * stride), min(bottom, (i + 1) * stride)):
                for x in range(max(left, j * stride), min(right, (j + 1) * stride)):
                    _mix_pixel(out, background, person, pad, source, nearest, stride, i, j, y, x)


@njit(cache=True, fastmath=True)
def _mix_pixel(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    person: NDArray[np.uint8],
    pad: int,
    source: NDArray[np.float32],
    nearest: NDArray[np.float32],
    stride: int,
    i: int,
    j: int,
    y: int,
    x: int,
) -> None:
    fy, fx = (y - i * stride) / stride, (x - j * stride) / stride
    red = green = blue = behind = np.float32(0.0)
    for c in range(4):
        di, dj = c >> 1, c & 1
        share = (fy if di else 1 - fy) * (fx if dj else 1 - fx)
        if nearest[i + di, j + dj] <= FAR:
            behind += share
            continue
        # Half a cell at most: beyond that lies what the other surface hides.
        du = min(max(fx - dj, -0.5), 0.5) * stride
        dv = min(max(fy - di, -0.5), 0.5) * stride
        v = source[i + di, j + dj, 1] + dv + pad + 0.5
        u = source[i + di, j + dj, 0] + du + pad + 0.5
        p = int(min(max(v, 0.0), person.shape[0] - 1.0))
        q = int(min(max(u, 0.0), person.shape[1] - 1.0))
        red += share * person[p, q, 0]
        green += share * person[p, q, 1]
        blue += share * person[p, q, 2]
        behind += share * (1 - person[p, q, 3] / 255.0)
    out[y, x, 0] = np.uint8(min(red + behind * background[y, x, 0] + 0.5, 255.0))
    out[y, x, 1] = np.uint8(min(green + behind * background[y, x, 1] + 0.5, 255.0))
    out[y, x, 2] = np.uint8(min(blue + behind * background[y, x, 2] + 0.5, 255.0))
