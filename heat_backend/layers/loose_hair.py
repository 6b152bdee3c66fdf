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
MOST_FACE = 500.0  # pixels: a higher face is looked at smaller
LEAST_SHARE = 0.1  # of hair in a strand
SAME = 12.0  # levels by which hair must differ from the wall
SURER = 1.2  # strands are thinner than they look soft
CERTAIN = 0.95  # matte of what surely is the person
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
    share = _share_of_hair(pixels, alpha, thin, max(1, 2 * round(GAP * face_height)))
    strong = thin & (share > LEAST_SHARE)
    gap = _disc(max(1, round(GAP * face_height)))
    joined = cv2.dilate((strong | (person > 0)).astype(np.uint8), gap)
    _, labels = cv2.connectedComponents(joined)
    hanging = np.isin(labels, np.unique(labels[person > 0])) & (joined > 0)
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


def _share_of_hair(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], thin: NDArray[np.bool_], margin: int
) -> NDArray[np.float32]:
    """How far (H, W), 0..1, the photo is from the wall's colour toward that of the hair beside.

    What shows of the wall through hair, or is lighter than it where the hair is darker, is none.
    """
    taken = cv2.dilate(((alpha > 0.0) | thin).astype(np.uint8), _disc(margin))
    person = cv2.erode((alpha > CERTAIN).astype(np.uint8), _disc(margin))
    photo = pixels.astype(np.float32)
    wall = pull_push(photo, 1.0 - taken.astype(np.float32))
    toward = pull_push(photo, person.astype(np.float32)) - wall
    share = ((photo - wall) * toward).sum(axis=2) / ((toward**2).sum(axis=2) + SAME**2)
    return np.asarray(np.clip(SURER * share, 0.0, 1.0), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    across = 2 * radius + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return disc
