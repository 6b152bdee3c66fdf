# SPDX-License-Identifier: GPL-3.0-or-later
"""The person, resampled through the flow and laid over the wall."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from heat_backend.raster import FAR


@njit(cache=True, parallel=True, fastmath=True)
def compose_person(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    person: NDArray[np.uint8],
    pad: int,
    source: NDArray[np.float32],
    nearest: NDArray[np.float32],
    stride: int,
    jump: float,
    region: tuple[int, int, int, int],
) -> None:
    """Write ``region`` of a frame.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
        RGBA, written inside the region.
    background : ndarray, shape (H, W, 3), uint8
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
        left, top, right, bottom; right and bottom are exclusive.
    """
    left, top, right, bottom = region
    step = np.float32(1.0 / stride)
    limit_x = np.float32(person.shape[1] - 1.001)
    limit_y = np.float32(person.shape[0] - 1.001)
    for y in prange(top, bottom):
        gy = y * step
        i = int(gy)
        fy = gy - i
        for x in range(left, right):
            gx = x * step
            j = int(gx)
            fx = gx - j
            w00 = (1 - fx) * (1 - fy)
            w01 = fx * (1 - fy)
            w10 = (1 - fx) * fy
            w11 = fx * fy
            c00 = nearest[i, j] > FAR
            c01 = nearest[i, j + 1] > FAR
            c10 = nearest[i + 1, j] > FAR
            c11 = nearest[i + 1, j + 1] > FAR
            cover = w00 * c00 + w01 * c01 + w10 * c10 + w11 * c11
            if cover <= 0.002:
                out[y, x, 0] = background[y, x, 0]
                out[y, x, 1] = background[y, x, 1]
                out[y, x, 2] = background[y, x, 2]
                out[y, x, 3] = 255
                continue
            sx0, sx1 = source[i, j, 0], source[i, j + 1, 0]
            sx2, sx3 = source[i + 1, j, 0], source[i + 1, j + 1, 0]
            sy0, sy1 = source[i, j, 1], source[i, j + 1, 1]
            sy2, sy3 = source[i + 1, j, 1], source[i + 1, j + 1, 1]
            torn = (
                max(sx0, sx1, sx2, sx3) - min(sx0, sx1, sx2, sx3) > jump
                or max(sy0, sy1, sy2, sy3) - min(sy0, sy1, sy2, sy3) > jump
            )
            if torn:
                # Different surfaces meet here: mix their colours, not their places.
                red = green = blue = behind = np.float32(0.0)
                for c in range(4):
                    di, dj = c >> 1, c & 1
                    share = (fy if di else 1 - fy) * (fx if dj else 1 - fx)
                    if nearest[i + di, j + dj] <= FAR:
                        behind += share
                        continue
                    # Half a cell at most: beyond that lies what the other surface hides.
                    du = min(max(fx - dj, np.float32(-0.5)), np.float32(0.5)) * stride
                    dv = min(max(fy - di, np.float32(-0.5)), np.float32(0.5)) * stride
                    u = source[i + di, j + dj, 0] + du + pad
                    v = source[i + di, j + dj, 1] + dv + pad
                    p = int(min(max(v + np.float32(0.5), np.float32(0.0)), limit_y))
                    q = int(min(max(u + np.float32(0.5), np.float32(0.0)), limit_x))
                    red += share * person[p, q, 0]
                    green += share * person[p, q, 1]
                    blue += share * person[p, q, 2]
                    behind += share * (1 - person[p, q, 3] * np.float32(1.0 / 255.0))
                out[y, x, 0] = np.uint8(
                    min(red + behind * background[y, x, 0] + np.float32(0.5), np.float32(255.0))
                )
                out[y, x, 1] = np.uint8(
                    min(green + behind * background[y, x, 1] + np.float32(0.5), np.float32(255.0))
                )
                out[y, x, 2] = np.uint8(
                    min(blue + behind * background[y, x, 2] + np.float32(0.5), np.float32(255.0))
                )
                out[y, x, 3] = 255
                continue
            u = w00 * sx0 + w01 * sx1 + w10 * sx2 + w11 * sx3
            v = w00 * sy0 + w01 * sy1 + w10 * sy2 + w11 * sy3
            u = min(max(u + pad, np.float32(0.0)), limit_x)
            v = min(max(v + pad, np.float32(0.0)), limit_y)
            p, q = int(v), int(u)
            fv, fu = v - p, u - q
            k00 = (1 - fu) * (1 - fv) * cover
            k01 = fu * (1 - fv) * cover
            k10 = (1 - fu) * fv * cover
            k11 = fu * fv * cover
            alpha = (
                k00 * person[p, q, 3]
                + k01 * person[p, q + 1, 3]
                + k10 * person[p + 1, q, 3]
                + k11 * person[p + 1, q + 1, 3]
            )
            behind = np.float32(1.0) - alpha * np.float32(1.0 / 255.0)
            for k in range(3):
                value = (
                    k00 * person[p, q, k]
                    + k01 * person[p, q + 1, k]
                    + k10 * person[p + 1, q, k]
                    + k11 * person[p + 1, q + 1, k]
                    + behind * background[y, x, k]
                )
                out[y, x, k] = np.uint8(min(value + np.float32(0.5), np.float32(255.0)))
            out[y, x, 3] = 255
