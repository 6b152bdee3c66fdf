# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction of the tracked lids of drawn characters, whose eyes are larger than people's.

For: illustrations and renderings with large eyes. The tracker, trained on people, places the lids
inside such eyes; the rim of white and iris outside them would be taken for skin, which no blink
covers. Such eyes are recognised by irises that are much larger in the picture than tracked.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import AROUND_EYES, EYES, IRISES
from heat_backend.geometry.polygon_mask import contact_shade, outline_patch
from heat_backend.layers.eyeballs import SHADE_LEAST, SHADE_REACH
from heat_backend.layers.iris import iris_outline

# Of each eye: the lids' contour, the skin next to it, the iris.
EYE_PARTS = tuple(zip(EYES, AROUND_EYES, IRISES, strict=True))
LARGER = 1.2  # than tracked, in both eyes: people's irises come out at 0.9 to 1.15
LIDS_SHARE = 0.8  # of the iris' growth that the opening gets; by eye on illustrations
RING_SHARE = 0.5  # of the lids' move that the skin next to them makes


def correct_stylised_eyes(photo: NDArray[np.uint8], face: FaceLandmarks) -> FaceLandmarks:
    """Move lids and irises out to the eyes in the picture where those are larger than tracked.

    For: illustrations and renderings with large eyes.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    face : FaceLandmarks
        Returned as it is if its irises have a person's size.
    """
    light = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    found = [_iris_growth(light, face.points[:, :2], eye) for eye in EYE_PARTS]
    most = max(growth for growth, _ in found)
    if most >= LARGER:
        # Both irises are of one size: search again where one of them was expected too small.
        found = [
            (growth, center)
            if growth >= LARGER
            else _iris_growth(light, face.points[:, :2], eye, most)
            for (growth, center), eye in zip(found, EYE_PARTS, strict=True)
        ]
    if min(growth for growth, _ in found) < LARGER:
        return face
    points = face.points.copy()
    for (contour, ring, iris), (growth, center) in zip(EYE_PARTS, found, strict=True):
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
