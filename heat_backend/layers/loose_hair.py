# SPDX-License-Identifier: GPL-3.0-or-later
"""Strands and tufts beside a head that a segmentation leaves to the wall.

There they would stay behind in the air when the head turns. They are thin, stand out from the
wall more than it does from itself elsewhere, and hang together with the head.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.fill import pull_push

# Shares of the face's height.
REACH = 0.35  # from the matte, how far hair may stand off
THICK = 0.05  # a tuft, at most
GAP = 0.012  # between what still hangs together
FARTHER = 0.5  # of the farthest: there the wall is seen where a picture shows little of it
# Levels of 0..255, and multiples of the wall's own contrast, from which something is hair.
LEAST_CONTRAST, OVER_WALL = 14.0, 1.6
WALL_SHARE = 97.0  # percentile of the wall's contrast
MOST_FACE = 720.0  # pixels: a higher face is looked at smaller
SURE = 0.35  # matte from which on hair hangs on it


def loose_hair(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], face_height: float
) -> NDArray[np.float32]:
    """Find hair beside a matte.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    face_height : float
        Pixels.

    Returns
    -------
    ndarray, shape (H, W), float32
        0 wall .. 1 hair; 0 where the matte already has the person.
    """
    scale = MOST_FACE / face_height
    if scale < 1.0:
        height, width = alpha.shape
        small = max(1, round(width * scale)), max(1, round(height * scale))
        found = loose_hair(
            cv2.resize(pixels, small, interpolation=cv2.INTER_AREA),
            cv2.resize(alpha, small, interpolation=cv2.INTER_AREA),
            min(MOST_FACE, face_height * scale),
        )
        return np.where(alpha > SURE, 0.0, cv2.resize(found, (width, height))).astype(np.float32)
    person = (alpha > SURE).astype(np.uint8)
    away = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    contrast = _contrast(pixels, max(1, round(THICK * face_height)))
    wall = contrast[away > min(REACH * face_height, FARTHER * float(away.max()))]
    if wall.size == 0:
        return np.zeros_like(alpha)
    least = max(LEAST_CONTRAST, OVER_WALL * float(np.percentile(wall, WALL_SHARE)))
    thin = (contrast > least) & (away <= REACH * face_height)
    contrast = np.minimum(contrast, _unlike_wall(pixels, alpha, thin, 2 * round(GAP * face_height)))
    strong = thin & (contrast > least)
    gap = _disc(max(1, round(GAP * face_height)))
    joined = cv2.dilate((strong | (person > 0)).astype(np.uint8), gap)
    _, labels = cv2.connectedComponents(joined)
    hanging = np.isin(labels, np.unique(labels[person > 0])) & (joined > 0)
    share = np.clip(2.0 * contrast / least - 1.0, 0.0, 1.0)
    near = cv2.dilate((strong & hanging).astype(np.uint8), gap) > 0
    return np.where(near & (person == 0), share, 0.0).astype(np.float32)


def _contrast(pixels: NDArray[np.uint8], thick: int) -> NDArray[np.float32]:
    """How much (H, W) what is thinner than ``thick`` pixels is darker or lighter than around."""
    disc = _disc(max(1, thick // 2))
    wide = cv2.copyMakeBorder(pixels, thick, thick, thick, thick, cv2.BORDER_REPLICATE)
    wide = cv2.GaussianBlur(wide, (0, 0), 1.0)
    dark = cv2.morphologyEx(wide, cv2.MORPH_BLACKHAT, disc)
    light = cv2.morphologyEx(wide, cv2.MORPH_TOPHAT, disc)
    found = np.maximum(dark, light).max(axis=2)[thick:-thick, thick:-thick]
    return np.ascontiguousarray(found, np.float32)


def _unlike_wall(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], thin: NDArray[np.bool_], margin: int
) -> NDArray[np.float32]:
    """How much (H, W) the photo differs from the wall around: what shows through hair does not."""
    taken = cv2.dilate(((alpha > 0.0) | thin).astype(np.uint8), _disc(max(1, margin)))
    photo = pixels.astype(np.float32)
    wall = pull_push(photo, 1.0 - taken.astype(np.float32))
    return np.asarray(np.abs(photo - wall).max(axis=2), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    across = 2 * radius + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return disc
