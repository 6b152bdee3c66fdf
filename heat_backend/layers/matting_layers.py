# SPDX-License-Identifier: GPL-3.0-or-later
"""Matting layers: the photo split into a foreground, the person, and a background behind it.

``separate_layers`` solves the compositing equation for both layers so that they give the photo
back exactly; ``fill_behind`` completes the background behind the foreground by pull-push;
``continue_over_border`` continues the foreground over the photo's borders, so that a head which
the frame crops can still move. Pixels are RGB in 0..255, mattes 0 background .. 1 foreground.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.layers.inpainting import pull_push

# Matte below which a pixel is background: what little of it is hair would show as a ghost.
SOLVABLE = 0.004
ROUNDING = 1.5  # levels of 0..255, of the two roundings of a layered pixel

# The continuation over the border; by eye on cropped test portraits.
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


@dataclass(frozen=True)
class MattingLayers:
    """The photo as two layers which give it back when put over each other.

    Attributes
    ----------
    background : ndarray, shape (H, W, 3), uint8
        The photo where there is no foreground, completed behind it.
    foreground : ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
        The person, premultiplied RGBA. Continued over the photo's border, so that a head which
        the frame crops can still move.
    pad : int
        Pixels of that continuation on each side.
    """

    background: NDArray[np.uint8]
    foreground: NDArray[np.uint8]
    pad: int


def separate_layers(
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    pad: int,
    below: float,
    corrections: Corrections = ALL_CORRECTIONS,
) -> MattingLayers:
    """Split a photo by its matte.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    alpha : ndarray, shape (H, W), float32
    pad : int
        Width of the continuation over the photo's border, pixels.
    below : float
        Rows between the face's lowest point and the lower border, pixels.
    """
    photo = pixels.astype(np.float32)
    filled = fill_behind(photo, alpha)
    alpha = np.maximum(alpha, missed_strands(photo, filled, alpha))
    alpha = np.where(alpha < SOLVABLE, 0.0, alpha).astype(np.float32)
    a = alpha[..., None]
    # The compositing equation photo = alpha F + (1 - alpha) B, solved for F, then for what F
    # could not take up within 0..255, for B.
    carried = np.clip(photo - (1.0 - a) * filled, 0.0, 255.0 * a)
    premultiplied = np.rint(carried)
    alpha8 = np.rint(alpha * 255.0)
    behind = 1.0 - alpha8[..., None] / 255.0
    rest = (photo - premultiplied) / np.maximum(behind, 1e-3)
    # Where the filled background explains the photo to a rounding it stays: a division by
    # what little shows through would leave a dotted line where the outline was.
    unexplained = np.abs(photo - premultiplied - behind * filled) > ROUNDING
    solved = np.where((behind > 0.02) & unexplained, rest, filled)
    background = np.rint(np.clip(solved, 0.0, 255.0)).astype(np.uint8)
    foreground = np.dstack([premultiplied, alpha8]).astype(np.uint8)
    return MattingLayers(
        background, continue_over_border(foreground, pad, below, corrections.cropped_hair), pad
    )


def missed_strands(
    photo: NDArray[np.float32], filled: NDArray[np.float32], alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Smallest alpha (H, W) near the foreground that explains a pixel with any colour in 0..255.

    For: fine hair. Strands that the matte missed are too dark or too bright to be background.
    """
    darker = 1.0 - photo / np.maximum(filled, 1.0)
    brighter = (photo - filled) / np.maximum(255.0 - filled, 1.0)
    needed = np.clip(np.maximum(darker, brighter).max(axis=2), 0.0, 1.0)
    return (needed * np.clip(_near(alpha, 2.0) * 3.0, 0.0, 1.0)).astype(np.float32)


def _near(alpha: NDArray[np.float32], times: float) -> NDArray[np.float32]:
    """Grow the matte by about 1.2 % of the picture, ``times`` over."""
    reach = max(3, round(0.012 * times * max(alpha.shape))) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    grown: NDArray[np.float32] = cv2.dilate(alpha, disc)
    return grown


def fill_behind(photo: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Complete the background behind the foreground by pull-push, with the photo's own grain.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), float32
    alpha : ndarray, shape (H, W), float32
    """
    known = np.clip(1.0 - _near(alpha, 2.0) * 6.0, 0.0, 1.0).astype(np.float32)
    if known.max() <= 0.0:
        return photo.copy()
    filled = pull_push(photo, known)
    grain = _grain(photo, known)
    hidden = (1.0 - known)[..., None]
    return np.clip(filled + grain * hidden, 0.0, 255.0)


def _grain(photo: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Noise (H, W, 1) as strong as the background's: the filled part must not look airbrushed."""
    fine = photo - cv2.GaussianBlur(photo, (0, 0), 1.2)
    sure = known > 0.99
    if not sure.any():
        return np.zeros_like(photo)
    # A median keeps texture and edges of the background out of what is meant to be sensor noise.
    strength = float(np.median(np.abs(fine[sure]))) * 1.4826
    noise = np.random.default_rng(1).normal(0.0, 1.0, photo.shape[:2]).astype(np.float32)
    return (noise * min(strength, 6.0))[..., None]


def continue_over_border(
    foreground: NDArray[np.uint8], pad: int, below: float, round_crown: bool = True
) -> NDArray[np.uint8]:
    """Continue the foreground over the frame, but only where the frame itself cuts it.

    Parameters
    ----------
    foreground : ndarray, shape (H, W, 4), uint8
        Premultiplied RGBA.
    pad : int
        Pixels to add on each side.
    below : float
        Rows between the face's lowest point and the lower border, pixels.
    round_crown : bool
        Whether :func:`rounded_crown` is applied.

    Returns
    -------
    ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
    """
    padded = cv2.copyMakeBorder(foreground, pad, pad, pad, pad, cv2.BORDER_REFLECT)
    edge = cv2.copyMakeBorder(foreground[..., 3], pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    if pad > 0:
        edge[:, :pad] = _tapering(edge[:, pad], pad)[:, ::-1]
        edge[:, -pad:] = _tapering(edge[:, -pad - 1], pad)
    share = np.minimum(edge, padded[..., 3]).astype(np.float32)
    inner = foreground[min(len(foreground) - 1, round(TOUCH_DEPTH * len(foreground))), :, 3]
    if round_crown:
        share[:pad] *= rounded_crown(foreground[0, :, 3], inner, pad)
    share /= np.maximum(padded[..., 3], 1)
    whole = np.rint(padded * share[..., None]).astype(np.uint8)
    if pad > 0:
        whole[-pad:] = _rows_below(whole[:-pad], pad, below)
    return np.ascontiguousarray(whole)


def _rows_below(foreground: NDArray[np.uint8], pad: int, below: float) -> NDArray[np.uint8]:
    """Rows (pad, W, 4) that continue a foreground (H, W, 4) below, premultiplied."""
    weave = int(np.clip(0.6 * below, 1, max(1.0, WEAVE_ROWS * pad)))
    reach = max(2, round(4.0 * COARSE[1] * pad))
    strip = foreground[-min(len(foreground), weave + reach) :].astype(np.float32)
    fine, coarse = (_colours(strip, s, pad) for s in (FINE, COARSE))
    down = np.arange(pad)
    # The photo's rows up and down again within those that surely lie below the face.
    fold = (weave - 1) - np.abs(weave - 1 - down % max(1, 2 * (weave - 1)))
    rows = len(strip) - 1 - fold
    detail = _border_grain(strip, fine)[rows]
    far = (down / max(1, pad - 1))[:, None, None].astype(np.float32)
    colour = fine[-1] * (1.0 - far) + coarse[-1] * far + detail * (1.0 - 0.5 * far)
    even = max(1, round(EVEN_ROWS * pad))
    alpha = strip[-even:, :, 3].mean(axis=0)[None, :, None] * np.ones((pad, 1, 1), np.float32)
    whole = np.concatenate([np.clip(colour, 0.0, 255.0) * alpha / 255.0, alpha], axis=2)
    return np.rint(whole).astype(np.uint8)


def _border_grain(strip: NDArray[np.float32], smooth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fine detail (h, w, 3): no edges, which would show as a pattern when they are repeated."""
    own = strip[..., :3] / np.maximum(strip[..., 3:], 1.0) * 255.0
    detail = (own - smooth) * (strip[..., 3:] > 250.0)
    strength = np.abs(detail).max(axis=2)
    strength = cv2.dilate(strength, np.ones((5, 5), np.uint8))
    return np.asarray(detail / (1.0 + (strength[..., None] / GRAIN) ** 2), np.float32)


def _colours(
    strip: NDArray[np.float32], softness: tuple[float, float], pad: int
) -> NDArray[np.float32]:
    """Soft colours (h, w, 3) of premultiplied ones, what is beside the foreground left out."""
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


def rounded_crown(
    edge: NDArray[np.uint8], inner: NDArray[np.uint8], pad: int
) -> NDArray[np.float32]:
    """Opacity above the photo that rounds off hair which the upper border cuts.

    For: photos that crop the top of the head, which mirrored whole would show a second head.

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
