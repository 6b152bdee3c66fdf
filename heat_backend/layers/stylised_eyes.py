# SPDX-License-Identifier: GPL-3.0-or-later
"""Lids of drawn characters: the tracker knows people's eyes and draws theirs too small.

Then a rim of white and iris outside the tracked lids would be taken for skin, which no blink
covers. What gives such eyes away is the iris: found in the picture, it is much larger in both
eyes than tracked, which no photo of a person shows.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.polygon_mask import contact_shade, outline_patch
from heat_backend.layers.eyeballs import SHADE_LEAST, SHADE_REACH
from heat_backend.layers.iris import iris_outline

# FaceMesh: each eye's lid contour, the rings of skin landmarks next to it, and its iris.
EYES = (
    (
        [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
        [130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25],
        [468, 469, 470, 471, 472],
    ),
    (
        [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
        [359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255],
        [473, 474, 475, 476, 477],
    ),
)
LARGER = 1.2  # than tracked, in both eyes: people's irises come out at 0.9 to 1.15
LIDS_SHARE = 0.8  # of what the iris is larger, the opening is too
RING_SHARE = 0.5  # of the lids' move, the skin next to them makes too


def correct_stylised_eyes(photo: NDArray[np.uint8], face: FaceLandmarks) -> FaceLandmarks:
    """Return the face with lids fitted to eyes that are larger than people's.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    face : FaceLandmarks
        Returned as it is if its irises have a person's size.
    """
    light = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    found = [_iris_growth(light, face.points[:, :2], eye) for eye in EYES]
    most = max(growth for growth, _ in found)
    if most >= LARGER:
        # Both irises are of one size: look again where one of them was expected too small.
        found = [
            (growth, center)
            if growth >= LARGER
            else _iris_growth(light, face.points[:, :2], eye, most)
            for (growth, center), eye in zip(found, EYES, strict=True)
        ]
    if min(growth for growth, _ in found) < LARGER:
        return face
    points = face.points.copy()
    for (contour, ring, iris), (growth, center) in zip(EYES, found, strict=True):
        middle = points[contour, :2].mean(axis=0)
        grown = 1.0 + LIDS_SHARE * (growth - 1.0)
        outward = points[contour, :2] - middle
        points[contour, :2] = middle + grown * outward
        points[ring, :2] += RING_SHARE * (grown - 1.0) * outward
        tracked = points[iris, :2] - points[iris[0], :2]
        points[iris, :2] = center + growth * tracked
    return FaceLandmarks(points)


def _iris_growth(
    light: NDArray[np.float32],
    points: NDArray[np.floating],
    eye: tuple[list[int], list[int], list[int]],
    expected: float = 1.0,
) -> tuple[float, NDArray[np.float64]]:
    """How much larger than tracked the iris is in the picture, and its centre (2,).

    The search starts from ``expected``.
    """
    contour, _, iris = eye
    center = np.asarray(points[iris[0]], np.float64)
    tracked = float(np.hypot(*(points[iris[1:]] - center).T).mean())
    patch = outline_patch(points[contour], light.shape[1], light.shape[0])
    if tracked < 2.0 or patch is None:
        return 1.0, center
    width = float(np.ptp(points[contour, 0]))
    shade = contact_shade(patch.mask, SHADE_REACH * width, SHADE_LEAST)
    rows, columns = patch.mask.shape
    seen = light[patch.top : patch.top + rows, patch.left : patch.left + columns]
    corner = np.array([patch.left, patch.top], np.float64)
    found, radius = iris_outline(seen / shade, patch.mask, center - corner, expected * tracked)
    return radius / tracked, found + corner
