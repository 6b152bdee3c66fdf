# SPDX-License-Identifier: GPL-3.0-or-later
"""Z-buffer rasterising of triangles with interpolated vertex attributes.

Pixel centres are at integers; depth grows toward the viewer.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

FAR = np.float32(-1e9)  # depth of a pixel that nothing covers
NOWHERE = np.float32(-1e6)  # attribute of a pixel that nothing covers: outside every picture
BANDS = 4  # of rows, rasterised in parallel


@njit(cache=True, parallel=True, fastmath=True)
def raster_attributes(
    points: NDArray[np.float32],
    depth: NDArray[np.float32],
    attributes: NDArray[np.float32],
    triangles: NDArray[np.int32],
    target: NDArray[np.float32],
    z_buffer: NDArray[np.float32],
) -> None:
    """Rasterise front-facing triangles, interpolating per-vertex attributes.

    Parameters
    ----------
    points : ndarray, shape (V, 2), float32
        Positions in target pixels, y down; pixel (0, 0) has its centre at (0, 0).
    depth : ndarray, shape (V,), float32
        Grows toward the viewer.
    attributes : ndarray, shape (V, C), float32
        What to interpolate.
    triangles : ndarray, shape (T, 3), int32
        Front-facing ones have a negative signed area in y-down pixels (counter-clockwise y-up).
    target : ndarray, shape (H, W, C), float32
        Written where a triangle covers a pixel and is nearer than the ``z_buffer``.
    z_buffer : ndarray, shape (H, W), float32
        Depth buffer, in and out; start it at ``FAR``.
    """
    height, width, channels = target.shape
    rows = (height + BANDS - 1) // BANDS
    for band in prange(BANDS):
        top = band * rows
        bottom = min(height, top + rows)
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = points[a, 0], points[a, 1]
            bx, by = points[b, 0], points[b, 1]
            cx, cy = points[c, 0], points[c, 1]
            y0 = max(top, int(np.ceil(min(ay, by, cy) - 1e-3)))
            y1 = min(bottom - 1, int(np.floor(max(ay, by, cy) + 1e-3)))
            if y0 > y1:
                continue
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if area > -1e-6:
                continue
            x0 = max(0, int(np.ceil(min(ax, bx, cx) - 1e-3)))
            x1 = min(width - 1, int(np.floor(max(ax, bx, cx) + 1e-3)))
            inverse = 1.0 / area
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                    wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                    wc = 1.0 - wa - wb
                    if wa < -1e-4 or wb < -1e-4 or wc < -1e-4:
                        continue
                    # Rounded as it is stored: of surfaces that touch, the first one stays.
                    z = np.float32(wa * depth[a] + wb * depth[b] + wc * depth[c])
                    if z > z_buffer[y, x]:
                        z_buffer[y, x] = z
                        for k in range(channels):
                            target[y, x, k] = (
                                wa * attributes[a, k]
                                + wb * attributes[b, k]
                                + wc * attributes[c, k]
                            )


def grid_triangles(rows: int, columns: int) -> NDArray[np.int32]:
    """Triangles (T, 3), front-facing, over a grid of vertices numbered row by row from the top."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]).astype(np.int32)


def depth_buffer(
    points: NDArray[np.float32],
    depth: NDArray[np.float32],
    triangles: NDArray[np.int32],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Depth of the nearest front-facing triangle at each pixel.

    Parameters
    ----------
    points, depth, triangles
        See :func:`raster_attributes`.
    shape : tuple of int
        Rows, columns.

    Returns
    -------
    ndarray, shape (rows, columns), float32
        ``FAR`` where there is none.
    """
    z_buffer = np.full(shape, FAR, np.float32)
    nothing = np.zeros((*shape, 1), np.float32)
    raster_attributes(points, depth, depth[:, None], triangles, nothing, z_buffer)
    return z_buffer


@njit(cache=True, parallel=True, fastmath=True)
def grow_by_one(target: NDArray[np.float32], z_buffer: NDArray[np.float32]) -> None:
    """Extend the attributes by one pixel around what is covered, continuing their slope.

    Bilinear look-ups at the border of the covered region then read sensible values. The new
    pixels keep ``z_buffer`` at ``FAR``, so they still count as uncovered; those beyond get the
    attribute ``NOWHERE``.
    """
    height, width, channels = target.shape
    for y in prange(height):
        # Most of a row is far from anything covered: only the span around that is visited.
        first, last = width, -1
        for near in range(max(0, y - 1), min(height, y + 2)):
            x = 0
            while x < first and z_buffer[near, x] <= FAR:
                x += 1
            first = min(first, x)
            x = width - 1
            while x > last and z_buffer[near, x] <= FAR:
                x -= 1
            last = max(last, x)
        for x in range(width):
            if z_buffer[y, x] > FAR:
                continue
            if x < first - 1 or x > last + 1:
                for k in range(channels):
                    target[y, x, k] = NOWHERE
            else:
                _extrapolate(target, z_buffer, y, x, height, width, channels)


@njit(cache=True, fastmath=True)
def _extrapolate(
    target: NDArray[np.float32],
    z_buffer: NDArray[np.float32],
    y: int,
    x: int,
    height: int,
    width: int,
    channels: int,
) -> None:
    count = 0
    for k in range(channels):
        target[y, x, k] = 0.0
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            y1, x1 = y + dy, x + dx
            if y1 < 0 or x1 < 0 or y1 >= height or x1 >= width or z_buffer[y1, x1] <= FAR:
                continue
            y2, x2 = y1 + dy, x1 + dx
            slope = 0 <= y2 < height and 0 <= x2 < width and z_buffer[y2, x2] > FAR
            for k in range(channels):
                value = target[y1, x1, k]
                if slope:
                    value += value - target[y2, x2, k]
                target[y, x, k] += value
            count += 1
    for k in range(channels):
        target[y, x, k] = target[y, x, k] / count if count > 0 else NOWHERE
