# SPDX-License-Identifier: GPL-3.0-or-later
"""The person beyond the photo's borders: what a frame shows when the head moves inward.

Hair and shoulders go on as in a mirror at the sides. Below, a mirror would show the chin a second
time: there the last rows go on, ever softer, with a little of their own grain and weave.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CROWN = 0.22  # height over width of the part of a head that an upper border cuts off
TUFT = 0.03  # of the picture's height with its continuation: half of what ends beyond a side border
TOUCH_DEPTH = 0.03  # of the picture's height
CUT = (1.3, 1.8)  # widening over that depth at which a head is surely cut, and surely not
# Shares of the continuation's width.
WEAVE_ROWS = 0.25  # at most: of the photo, whose fine detail goes on below it
# Softness of the colours that go on, across and down: strands of hair at the border, far below
# only light and shade.
FINE, COARSE = (0.012, 0.03), (0.15, 0.15)
GRAIN = 12.0  # levels of 0..255 to which detail is skin's or cloth's, and beyond which an edge
EVEN_ROWS = 0.02  # what the border itself shows: one row may be a compression's


def continue_over_border(person: NDArray[np.uint8], pad: int, below: float) -> NDArray[np.uint8]:
    """Continue the person over the frame, but only where the frame itself cuts it.

    Parameters
    ----------
    person : ndarray, shape (H, W, 4), uint8
        Premultiplied RGBA.
    pad : int
        Pixels to add on each side.
    below : float
        Rows between the face's lowest point and the lower border, pixels.

    Returns
    -------
    ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
    """
    padded = cv2.copyMakeBorder(person, pad, pad, pad, pad, cv2.BORDER_REFLECT)
    edge = cv2.copyMakeBorder(person[..., 3], pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    if pad > 0:
        edge[:, :pad] = _tapering(edge[:, pad], pad)[:, ::-1]
        edge[:, -pad:] = _tapering(edge[:, -pad - 1], pad)
    share = np.minimum(edge, padded[..., 3]).astype(np.float32)
    inner = person[min(len(person) - 1, round(TOUCH_DEPTH * len(person))), :, 3]
    share[:pad] *= _crown(person[0, :, 3], inner, pad)
    share /= np.maximum(padded[..., 3], 1)
    whole = np.rint(padded * share[..., None]).astype(np.uint8)
    if pad > 0:
        whole[-pad:] = _plainly_below(whole[:-pad], pad, below)
    return np.ascontiguousarray(whole)


def _plainly_below(person: NDArray[np.uint8], pad: int, below: float) -> NDArray[np.uint8]:
    """Rows (pad, W, 4) that go on under a person (H, W, 4), premultiplied."""
    weave = int(np.clip(0.6 * below, 1, max(1.0, WEAVE_ROWS * pad)))
    reach = max(2, round(4.0 * COARSE[1] * pad))
    strip = person[-min(len(person), weave + reach) :].astype(np.float32)
    fine, coarse = (_colours(strip, s, pad) for s in (FINE, COARSE))
    down = np.arange(pad)
    # Up and down within the rows that surely lie below the face.
    fold = (weave - 1) - np.abs(weave - 1 - down % max(1, 2 * (weave - 1)))
    rows = len(strip) - 1 - fold
    detail = _grain(strip, fine)[rows]
    far = (down / max(1, pad - 1))[:, None, None].astype(np.float32)
    colour = fine[-1] * (1.0 - far) + coarse[-1] * far + detail * (1.0 - 0.5 * far)
    even = max(1, round(EVEN_ROWS * pad))
    alpha = strip[-even:, :, 3].mean(axis=0)[None, :, None] * np.ones((pad, 1, 1), np.float32)
    whole = np.concatenate([np.clip(colour, 0.0, 255.0) * alpha / 255.0, alpha], axis=2)
    return np.rint(whole).astype(np.uint8)


def _grain(strip: NDArray[np.float32], smooth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fine detail (h, w, 3): no edges, which would show as a pattern when they are repeated."""
    own = strip[..., :3] / np.maximum(strip[..., 3:], 1.0) * 255.0
    detail = (own - smooth) * (strip[..., 3:] > 250.0)
    strength = np.abs(detail).max(axis=2)
    strength = cv2.dilate(strength, np.ones((5, 5), np.uint8))
    return np.asarray(detail / (1.0 + (strength[..., None] / GRAIN) ** 2), np.float32)


def _colours(
    strip: NDArray[np.float32], softness: tuple[float, float], pad: int
) -> NDArray[np.float32]:
    """Soft colours (h, w, 3) of premultiplied ones, what is beside the person left out."""
    across, down = (max(0.6, share * pad) for share in softness)
    soft = cv2.GaussianBlur(strip, (0, 0), across, None, down, cv2.BORDER_REPLICATE)
    return np.asarray(soft[..., :3] / np.maximum(soft[..., 3:], 1.0) * 255.0, np.float32)


def _tapering(edge: NDArray[np.uint8], pad: int) -> NDArray[np.uint8]:
    """Opacity (H, pad) beyond a side border with opacity ``edge`` (H,): tufts of hair end soon."""
    most = max(1, round(TUFT * len(edge)))
    narrowed = [
        cv2.erode(edge[:, None], np.ones((2 * k + 1, 1), np.uint8)) for k in range(most + 1)
    ]
    rows = np.minimum(np.arange(pad) // 2, most)
    return np.asarray(np.concatenate(narrowed, axis=1)[:, rows], np.uint8)


def _crown(edge: NDArray[np.uint8], inner: NDArray[np.uint8], pad: int) -> NDArray[np.float32]:
    """Round off hair that the upper border cuts: mirrored whole, it would be a second head.

    Parameters
    ----------
    edge : ndarray, shape (W,), uint8
        Opacity along the border.
    inner : ndarray, shape (W,), uint8
        Opacity a little below it: a head that widens much down to there only touches the border
        and has no crown beyond it.
    pad : int

    Returns
    -------
    ndarray, shape (pad, W + 2 pad), float32
        0..1; row ``pad - 1`` touches the photo.
    """
    height = np.zeros(len(edge) + 2 * pad, np.float32)
    hair = np.flatnonzero(np.diff(np.concatenate([[0], (edge > 127).astype(np.int8), [0]])))
    for start, end in zip(hair[::2], hair[1::2], strict=True):
        at = np.arange(start, end)
        # Where a side border cuts the hair too, its middle lies beyond that border.
        low = start - (end - start) if start == 0 else start
        high = end + (end - start) if end == len(edge) else end
        across = (at + 0.5 - 0.5 * (low + high)) / (0.5 * (high - low))
        cut = np.clip((CUT[1] - _width_at(inner, (start + end) // 2) / (end - start)), 0.0, None)
        cut = min(1.0, float(cut) / (CUT[1] - CUT[0]))
        height[at + pad] = cut * CROWN * (high - low) * np.sqrt(np.maximum(0.0, 1.0 - across**2))
    height[:pad], height[-pad:] = height[pad], height[-pad - 1]
    above = np.arange(pad, 0, -1, dtype=np.float32)[:, None]
    soft = np.maximum(2.0, 0.15 * height)
    return np.clip((height - above) / soft + 0.5, 0.0, 1.0).astype(np.float32)


def _width_at(row: NDArray[np.uint8], x: int) -> int:
    """Width of the opaque run of a row (W,) that holds ``x``, 0 where it is not opaque."""
    clear = np.flatnonzero(row <= 127)
    left, right = clear[clear <= x], clear[clear >= x]
    low = int(left[-1]) if len(left) else -1
    high = int(right[0]) if len(right) else len(row)
    return max(0, high - low - 1)
