# SPDX-License-Identifier: GPL-3.0-or-later
"""Where surfaces meet in the flow: smooth, antialiased outlines between them.

Between the sources of two surfaces lies neither of them, so there colours are mixed, not places.
How much of each a pixel sees is read from the cells around it with B-spline weights: the outline
between coarse cells then comes out as a curve instead of stairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from heat_backend.geometry.rasterizer import FAR, NOWHERE

Region = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are exclusive

Surfaces = tuple[bool, Any, Any, Any, Any, Any]  # see _surfaces; 32-bit floats

SHARPEN = 1.7  # undoes part of the softness that the smooth weights bring


def blend_occlusion_boundaries(
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
    """Repaint the pixels near seams; see ``compose_foreground`` for the parameters."""
    seams = np.zeros(nearest.shape, np.uint8)
    _find_seams(source, nearest, jump, seams)
    _paint_seams(out, background, person, pad, source, nearest, stride, seams, region)


@njit(cache=True, parallel=True, fastmath=True)
def _find_seams(
    source: NDArray[np.float32],
    nearest: NDArray[np.float32],
    jump: float,
    seams: NDArray[np.uint8],
) -> None:
    """Mark the cells (by their top left node) whose corners are not on one surface."""
    for i in prange(nearest.shape[0] - 1):
        for j in range(nearest.shape[1] - 1):
            covered = 0
            low_x = low_y = np.float32(1e9)
            high_x = high_y = np.float32(-1e9)
            for c in range(4):
                a, b = i + (c >> 1), j + (c & 1)
                if nearest[a, b] > FAR:
                    covered += 1
                low_x, high_x = min(low_x, source[a, b, 0]), max(high_x, source[a, b, 0])
                low_y, high_y = min(low_y, source[a, b, 1]), max(high_y, source[a, b, 1])
            torn = high_x - low_x > jump or high_y - low_y > jump
            if covered == 0:
                # Grown nodes beside the covered region would shine through at their own pixel.
                seams[i, j] = 1 if source[i, j, 0] > NOWHERE else 0
            elif covered < 4 or torn:
                seams[i, j] = 1


@njit(cache=True, parallel=True, fastmath=True)
def _paint_seams(
    out: NDArray[np.uint8],
    background: NDArray[np.uint8],
    person: NDArray[np.uint8],
    pad: int,
    source: NDArray[np.float32],
    nearest: NDArray[np.float32],
    stride: int,
    seams: NDArray[np.uint8],
    region: Region,
) -> None:
    left, top, right, bottom = region
    rows, columns = seams.shape
    for i in prange(max(1, top // stride), min(rows - 2, (bottom - 1) // stride + 1)):
        for j in range(max(1, left // stride), min(columns - 2, (right - 1) // stride + 1)):
            near = False
            for a in range(i - 1, i + 2):
                for b in range(j - 1, j + 2):
                    near = near or seams[a, b] != 0
            if not near:
                continue
            met = _surfaces(source, nearest, stride, i, j)
            for y in range(max(top, i * stride), min(bottom, (i + 1) * stride)):
                for x in range(max(left, j * stride), min(right, (j + 1) * stride)):
                    _mix_pixel(
                        out, background, person, pad, source, nearest, stride, i, j, y, x, met
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
    source: NDArray[np.float32], nearest: NDArray[np.float32], stride: int, i: int, j: int
) -> Surfaces:
    """Find what meets around a cell.

    Returns
    -------
    covered : bool
        Whether there is anything.
    front_x, front_y : float
        Flow (source less place, pixels) of the nearest node.
    back_x, back_y : float
        Flow of the node that differs most from it.
    apart : float
        Square of their distance.
    """
    front_i, front_j = -1, -1
    for a in range(i - 1, i + 3):
        for b in range(j - 1, j + 3):
            if nearest[a, b] > FAR and (front_i < 0 or nearest[a, b] > nearest[front_i, front_j]):
                front_i, front_j = a, b
    zero = np.float32(0.0)
    if front_i < 0:
        return False, zero, zero, zero, zero, zero
    front_x = source[front_i, front_j, 0] - front_j * stride
    front_y = source[front_i, front_j, 1] - front_i * stride
    far, back_x, back_y = zero, front_x, front_y
    for a in range(i - 1, i + 3):
        for b in range(j - 1, j + 3):
            if nearest[a, b] > FAR:
                dx = source[a, b, 0] - b * stride
                dy = source[a, b, 1] - a * stride
                apart = (dx - front_x) ** 2 + (dy - front_y) ** 2
                if apart > far:
                    far, back_x, back_y = apart, dx, dy
    return True, front_x, front_y, back_x, back_y, far


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
    met: Surfaces,
) -> None:
    """Mix the front surface around a pixel with what is behind it; ``met`` is the cell's."""
    covered, front_x, front_y, back_x, back_y, far = met
    if not covered:
        for k in range(3):
            out[y, x, k] = background[y, x, k]
        return
    ty, tx = (y - i * stride) / stride, (x - j * stride) / stride
    front = back = empty = 0.0
    fx = fy = bx = by = 0.0
    split = far > (2.0 * stride) ** 2
    if not split and _transparent(person, pad, x + front_x, y + front_y, 2 * stride):
        for k in range(3):
            out[y, x, k] = background[y, x, k]
        return
    for a in range(4):
        for b in range(4):
            w = _weight(ty, a) * _weight(tx, b)
            p, q = i - 1 + a, j - 1 + b
            if nearest[p, q] <= FAR:
                empty += w
                continue
            dx = source[p, q, 0] - q * stride
            dy = source[p, q, 1] - p * stride
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
        seen = _fetch(person, background, pad, x + fx / front, y + fy / front, y, x)
        red += share * seen[0]
        green += share * seen[1]
        blue += share * seen[2]
    if behind > 0.0 and back > 0.0:
        seen = _fetch(person, background, pad, x + bx / back, y + by / back, y, x)
        red += behind * seen[0]
        green += behind * seen[1]
        blue += behind * seen[2]
    out[y, x, 0] = np.uint8(min(red + 0.5, 255.0))
    out[y, x, 1] = np.uint8(min(green + 0.5, 255.0))
    out[y, x, 2] = np.uint8(min(blue + 0.5, 255.0))


@njit(cache=True, fastmath=True)
def _transparent(person: NDArray[np.uint8], pad: int, u: float, v: float, reach: int) -> bool:
    """Whether the person has no opacity at and around a photo place: most seams lie in the wall."""
    p = min(max(int(v + pad), reach), person.shape[0] - 1 - reach)
    q = min(max(int(u + pad), reach), person.shape[1] - 1 - reach)
    opacity = 0
    for c in range(9):
        opacity += person[p + (c // 3 - 1) * reach, q + (c % 3 - 1) * reach, 3]
    return opacity == 0


@njit(cache=True, fastmath=True)
def _fetch(
    person: NDArray[np.uint8],
    background: NDArray[np.uint8],
    pad: int,
    u: float,
    v: float,
    y: int,
    x: int,
) -> tuple[float, float, float]:
    """Colour of the person at photo place (u, v), over the wall at pixel (y, x)."""
    u = min(max(u + pad, 0.0), person.shape[1] - 1.001)
    v = min(max(v + pad, 0.0), person.shape[0] - 1.001)
    p, q = int(v), int(u)
    fv, fu = v - p, u - q
    red = green = blue = alpha = 0.0
    for c in range(4):
        a, b = c >> 1, c & 1
        w = (fv if a else 1 - fv) * (fu if b else 1 - fu)
        red += w * person[p + a, q + b, 0]
        green += w * person[p + a, q + b, 1]
        blue += w * person[p + a, q + b, 2]
        alpha += w * person[p + a, q + b, 3]
    rest = 1.0 - alpha / 255.0
    return (
        red + rest * background[y, x, 0],
        green + rest * background[y, x, 1],
        blue + rest * background[y, x, 2],
    )
