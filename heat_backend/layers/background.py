# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall behind the head, and the head cut free from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.continuation import continue_over_border
from heat_backend.layers.fill import pull_push

# Below this a pixel is left to the wall: what little of it is hair would show as a ghost otherwise.
SOLVABLE = 0.004
ROUNDING = 1.5  # levels of 0..255, of the two roundings of a layered pixel


@dataclass(frozen=True)
class Cutout:
    """The photo as two layers which give it back when put over each other.

    Attributes
    ----------
    background : ndarray, shape (H, W, 3), uint8
        The photo where no person is, filled behind the person.
    person : ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
        Premultiplied RGBA. Continued over the photo's border, so that a head which the frame
        crops can still move.
    pad : int
        Pixels of that continuation on each side.
    """

    background: NDArray[np.uint8]
    person: NDArray[np.uint8]
    pad: int


def cut_out(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], pad: int, below: float
) -> Cutout:
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
    wall = fill_behind(photo, alpha)
    alpha = np.maximum(alpha, _least_alpha(photo, wall, alpha))
    alpha = np.where(alpha < SOLVABLE, 0.0, alpha).astype(np.float32)
    a = alpha[..., None]
    # The compositing equation photo = alpha F + (1 - alpha) B, solved for F, then for what F
    # could not take up within 0..255, for B.
    carried = np.clip(photo - (1.0 - a) * wall, 0.0, 255.0 * a)
    premultiplied = np.rint(carried)
    alpha8 = np.rint(alpha * 255.0)
    behind = 1.0 - alpha8[..., None] / 255.0
    rest = (photo - premultiplied) / np.maximum(behind, 1e-3)
    # Where the wall already explains the photo to a rounding it stays as filled: a division by
    # what little shows through would leave a dotted line where the outline was.
    unexplained = np.abs(photo - premultiplied - behind * wall) > ROUNDING
    solved = np.where((behind > 0.02) & unexplained, rest, wall)
    background = np.rint(np.clip(solved, 0.0, 255.0)).astype(np.uint8)
    person = np.dstack([premultiplied, alpha8]).astype(np.uint8)
    return Cutout(background, continue_over_border(person, pad, below), pad)


def _least_alpha(
    photo: NDArray[np.float32], wall: NDArray[np.float32], alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Smallest alpha near the person that explains a pixel with any colour F in 0..255.

    Strands that the matte missed are too dark or too bright to be wall: they belong to the person.
    """
    darker = 1.0 - photo / np.maximum(wall, 1.0)
    brighter = (photo - wall) / np.maximum(255.0 - wall, 1.0)
    needed = np.clip(np.maximum(darker, brighter).max(axis=2), 0.0, 1.0)
    return (needed * np.clip(_near(alpha, 2.0) * 3.0, 0.0, 1.0)).astype(np.float32)


def _near(alpha: NDArray[np.float32], times: float) -> NDArray[np.float32]:
    """Grow the matte by about 1.2 % of the picture, ``times`` over."""
    reach = max(3, round(0.012 * times * max(alpha.shape))) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    grown: NDArray[np.float32] = cv2.dilate(alpha, disc)
    return grown


def fill_behind(photo: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill the wall behind the person, with the wall's own grain.

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
    """Noise as strong as the wall's, so that the filled part does not look airbrushed."""
    fine = photo - cv2.GaussianBlur(photo, (0, 0), 1.2)
    sure = known > 0.99
    if not sure.any():
        return np.zeros_like(photo)
    # A median keeps texture and edges of the wall out of what is meant to be sensor noise.
    strength = float(np.median(np.abs(fine[sure]))) * 1.4826
    noise = np.random.default_rng(1).normal(0.0, 1.0, photo.shape[:2]).astype(np.float32)
    return (noise * min(strength, 6.0))[..., None]
