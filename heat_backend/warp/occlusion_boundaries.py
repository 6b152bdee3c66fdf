# SPDX-License-Identifier: GPL-3.0-or-later
"""Antialiased outlines where two surfaces meet in the backward warp map.

UV interpolated between two surfaces would show neither of them, so there colours are blended
instead. The share of each surface in a pixel is interpolated from the nodes around it with cubic
B-spline weights: the outline between coarse cells comes out as a curve instead of stairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from heat_backend.geometry.rasterizer import FAR, NOWHERE

Region = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are exclusive

Surfaces = tuple[bool, Any, Any, Any, Any, Any]  # see _surfaces; 32-bit floats

# Contrast of the front surface's share about one half, which undoes part of the softness that the
# B-spline weights bring; tuned by eye on the test portraits.
SHARPEN = 1.7


def blend_occlusion_boundaries(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    foreground: NDArray[np.uint8],
    pad: int,
    uv: NDArray[np.float32],
    z_buffer: NDArray[np.float32],
    stride: int,
    jump: float,
    region: Region,
) -> None:
    """Render the pixels near occlusion boundaries, in place.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
        RGBA, written inside the region.
    background : ndarray, shape (H, W, 4), uint8
        RGBA, alpha 255.
    foreground : ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
        Premultiplied RGBA.
    pad : int
        Pixels by which ``foreground`` reaches over the picture on each side.
    uv, z_buffer, stride
        See :class:`heat_backend.warp.backward_warp.BackwardWarpMap`.
    jump : float
        Step of UV between neighbouring nodes, pixels, above which they are on two surfaces.
    region : tuple of int
        Left, top, right, bottom.
    """
    boundaries = np.zeros(z_buffer.shape, np.uint8)
    _mark_boundaries(uv, z_buffer, jump, boundaries)
    _blend_boundaries(out, background, foreground, pad, uv, z_buffer, stride, boundaries, region)


@njit(cache=True, parallel=True, fastmath=True)
def _mark_boundaries(
    uv: NDArray[np.float32],
    z_buffer: NDArray[np.float32],
    jump: float,
    boundaries: NDArray[np.uint8],
) -> None:
    """Mark the cells (by their top left node) whose corners are not on one surface."""
    for i in prange(z_buffer.shape[0] - 1):
        for j in range(z_buffer.shape[1] - 1):
            covered = 0
            low_x = low_y = np.float32(1e9)
            high_x = high_y = np.float32(-1e9)
            for c in range(4):
                a, b = i + (c >> 1), j + (c & 1)
                if z_buffer[a, b] > FAR:
                    covered += 1
                low_x, high_x = min(low_x, uv[a, b, 0]), max(high_x, uv[a, b, 0])
                low_y, high_y = min(low_y, uv[a, b, 1]), max(high_y, uv[a, b, 1])
            on_two = high_x - low_x > jump or high_y - low_y > jump
            if covered == 0:
                # Grown nodes beside the covered region would shine through at their own pixel.
                boundaries[i, j] = 1 if uv[i, j, 0] > NOWHERE else 0
            elif covered < 4 or on_two:
                boundaries[i, j] = 1


@njit(cache=True, parallel=True, fastmath=True)
def _blend_boundaries(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    foreground: NDArray[np.uint8],
    pad: int,
    uv: NDArray[np.float32],
    z_buffer: NDArray[np.float32],
    stride: int,
    boundaries: NDArray[np.uint8],
    region: Region,
) -> None:
    left, top, right, bottom = region
    rows, columns = boundaries.shape
    for i in prange(max(1, top // stride), min(rows - 2, (bottom - 1) // stride + 1)):
        for j in range(max(1, left // stride), min(columns - 2, (right - 1) // stride + 1)):
            near = False
            for a in range(i - 1, i + 2):
                for b in range(j - 1, j + 2):
                    near = near or boundaries[a, b] != 0
            if not near:
                continue
            surfaces = _surfaces(uv, z_buffer, stride, i, j)
            for y in range(max(top, i * stride), min(bottom, (i + 1) * stride)):
                for x in range(max(left, j * stride), min(right, (j + 1) * stride)):
                    _blend_pixel(
                        out, background, foreground, pad, uv, z_buffer, stride, i, j, y, x, surfaces
                    )


@njit(cache=True, fastmath=True)
def _weight(t: float, k: int) -> float:
    """Cubic B-spline weight of the k-th of four nodes, t in 0..1 between the middle two."""
    if k == 0:
        return (1 - t) ** 3 / 6
    if k == 1:
        return (3 * t**3 - 6 * t**2 + 4) / 6
    if k == 2:
        return (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    return t**3 / 6


@njit(cache=True, fastmath=True)
def _surfaces(
    uv: NDArray[np.float32], z_buffer: NDArray[np.float32], stride: int, i: int, j: int
) -> Surfaces:
    """Find the two surfaces around a cell.

    Returns
    -------
    covered : bool
        Whether any node around is on the mesh.
    front_x, front_y : float
        Displacement (UV less place, pixels) of the nearest node.
    back_x, back_y : float
        Displacement of the node that differs most from it.
    apart : float
        Square of their distance.
    """
    front_i, front_j = -1, -1
    for a in range(i - 1, i + 3):
        for b in range(j - 1, j + 3):
            if z_buffer[a, b] > FAR and (
                front_i < 0 or z_buffer[a, b] > z_buffer[front_i, front_j]
            ):
                front_i, front_j = a, b
    zero = np.float32(0.0)
    if front_i < 0:
        return False, zero, zero, zero, zero, zero
    front_x = uv[front_i, front_j, 0] - front_j * stride
    front_y = uv[front_i, front_j, 1] - front_i * stride
    far, back_x, back_y = zero, front_x, front_y
    for a in range(i - 1, i + 3):
        for b in range(j - 1, j + 3):
            if z_buffer[a, b] > FAR:
                dx = uv[a, b, 0] - b * stride
                dy = uv[a, b, 1] - a * stride
                apart = (dx - front_x) ** 2 + (dy - front_y) ** 2
                if apart > far:
                    far, back_x, back_y = apart, dx, dy
    return True, front_x, front_y, back_x, back_y, far


@njit(cache=True, fastmath=True)
def _blend_pixel(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    foreground: NDArray[np.uint8],
    pad: int,
    uv: NDArray[np.float32],
    z_buffer: NDArray[np.float32],
    stride: int,
    i: int,
    j: int,
    y: int,
    x: int,
    surfaces: Surfaces,
) -> None:
    """Blend the front surface around a pixel with what is behind it."""
    covered, front_x, front_y, back_x, back_y, far = surfaces
    if not covered:
        for k in range(3):
            out[y, x, k] = background[y, x, k]
        return
    ty, tx = (y - i * stride) / stride, (x - j * stride) / stride
    front = back = empty = 0.0
    fx = fy = bx = by = 0.0
    split = far > (2.0 * stride) ** 2
    if not split and _transparent(foreground, pad, x + front_x, y + front_y, 2 * stride):
        for k in range(3):
            out[y, x, k] = background[y, x, k]
        return
    for a in range(4):
        for b in range(4):
            w = _weight(ty, a) * _weight(tx, b)
            p, q = i - 1 + a, j - 1 + b
            if z_buffer[p, q] <= FAR:
                empty += w
                continue
            dx = uv[p, q, 0] - q * stride
            dy = uv[p, q, 1] - p * stride
            to_front = (dx - front_x) ** 2 + (dy - front_y) ** 2
            to_back = (dx - back_x) ** 2 + (dy - back_y) ** 2
            if split and to_back < to_front:
                back += w
                bx += w * dx
                by += w * dy
            else:
                front += w
                fx += w * dx
                fy += w * dy
    share = min(max((front - 0.5) * SHARPEN + 0.5, 0.0), 1.0)
    rest = 1.0 - share
    behind = rest * back / max(back + empty, 1e-6)
    through = rest - behind
    red, green, blue = (
        through * background[y, x, 0],
        through * background[y, x, 1],
        through * background[y, x, 2],
    )
    if share > 0.0 and front > 0.0:
        seen = _fetch(foreground, background, pad, x + fx / front, y + fy / front, y, x)
        red += share * seen[0]
        green += share * seen[1]
        blue += share * seen[2]
    if behind > 0.0 and back > 0.0:
        seen = _fetch(foreground, background, pad, x + bx / back, y + by / back, y, x)
        red += behind * seen[0]
        green += behind * seen[1]
        blue += behind * seen[2]
    out[y, x, 0] = np.uint8(min(red + 0.5, 255.0))
    out[y, x, 1] = np.uint8(min(green + 0.5, 255.0))
    out[y, x, 2] = np.uint8(min(blue + 0.5, 255.0))


@njit(cache=True, fastmath=True)
def _transparent(foreground: NDArray[np.uint8], pad: int, u: float, v: float, reach: int) -> bool:
    """Whether the foreground is transparent at and around a photo place, as it mostly is."""
    p = min(max(int(v + pad), reach), foreground.shape[0] - 1 - reach)
    q = min(max(int(u + pad), reach), foreground.shape[1] - 1 - reach)
    opacity = 0
    for c in range(9):
        opacity += foreground[p + (c // 3 - 1) * reach, q + (c % 3 - 1) * reach, 3]
    return opacity == 0


@njit(cache=True, fastmath=True)
def _fetch(
    foreground: NDArray[np.uint8],
    background: NDArray[np.uint8],
    pad: int,
    u: float,
    v: float,
    y: int,
    x: int,
) -> tuple[float, float, float]:
    """Colour of the foreground at photo place (u, v), over the background at pixel (y, x)."""
    u = min(max(u + pad, 0.0), foreground.shape[1] - 1.001)
    v = min(max(v + pad, 0.0), foreground.shape[0] - 1.001)
    p, q = int(v), int(u)
    fv, fu = v - p, u - q
    red = green = blue = alpha = 0.0
    for c in range(4):
        a, b = c >> 1, c & 1
        w = (fv if a else 1 - fv) * (fu if b else 1 - fu)
        red += w * foreground[p + a, q + b, 0]
        green += w * foreground[p + a, q + b, 1]
        blue += w * foreground[p + a, q + b, 2]
        alpha += w * foreground[p + a, q + b, 3]
    rest = 1.0 - alpha / 255.0
    return (
        red + rest * background[y, x, 0],
        green + rest * background[y, x, 1],
        blue + rest * background[y, x, 2],
    )
