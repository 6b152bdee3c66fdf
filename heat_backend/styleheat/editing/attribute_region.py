# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of the aligned crop: where an attribute may change it under ``--keep-identity``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput
from heat_backend.styleheat.crops.ffhq import SIZE

Floats = NDArray[np.float32]

FACE, LOWER_FACE, MOUTH, EYES, NOSE, HAIR, ALL = (
    "face", "lower_face", "mouth", "eyes", "nose", "hair", "all",
)  # fmt: skip
REGIONS = (FACE, LOWER_FACE, MOUTH, EYES, NOSE, HAIR, ALL)
REGION_OF_WORD: Mapping[str, str] = {
    **dict.fromkeys(("lip", "lips", "mouth", "smile", "smiling", "teeth", "lipstick"), MOUTH),
    **dict.fromkeys(("beard", "goatee", "mustache", "moustache", "stubble", "chin"), LOWER_FACE),
    **dict.fromkeys(("eye", "eyes", "glasses", "eyeglasses", "brow", "brows", "gaze"), EYES),
    **dict.fromkeys(("nose", "nostrils"), NOSE),
    **dict.fromkeys(("hair", "bald", "bangs", "fringe", "hat", "hairline"), HAIR),
    **dict.fromkeys(("pose", "yaw", "pitch", "roll", "rotation", "background"), ALL),
}
"""Words in an attribute's name, and what they are about; every other name is about the face."""
BLUR = 0.03  # of the outer-eye distance's double: how soft the edge is
_FOREHEAD = 0.9  # of the distance from brows to chin that the forehead is high, at most
_REACH = 0.12  # outer-eye distances about a feature that belong to it


def region_of(name: str) -> str:
    """Return which region an attribute's name is about."""
    for word in name.lower().replace("-", "_").split("_"):
        if word in REGION_OF_WORD:
            return REGION_OF_WORD[word]
    return FACE


def check_region(name: str) -> str:
    """Return a region's name, or raise BadInput that lists them."""
    if name not in REGIONS:
        raise BadInput(f"no region {name!r}; choose one of: {', '.join(REGIONS)}")
    return name


def region_mask(regions: Iterable[str], landmarks: NDArray[np.floating]) -> Floats:
    """Draw some regions.

    Parameters
    ----------
    regions : iterable of str
        Some of ``REGIONS``.
    landmarks : ndarray, shape (68, 2)
        In pixels of the crop.

    Returns
    -------
    ndarray, shape (1024, 1024), float32
        0 where the photo is to stay, 1 where the attribute may show, soft between.
    """
    points = np.asarray(landmarks, np.float64)
    eye_distance = float(np.hypot(*(points[45] - points[36])))
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for region in regions:
        if region == ALL:
            return np.ones((SIZE, SIZE), np.float32)
        if region == HAIR:
            mask |= _above_brows(points)
        else:
            mask |= _hull(_outline(region, points, eye_distance))
    sigma = max(1.0, BLUR * 2.0 * eye_distance)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    return np.asarray(np.clip(soft, 0.0, 1.0), np.float32)


def _outline(region: str, points: NDArray[np.float64], eye_distance: float) -> NDArray[np.float64]:
    """Points (n, 2) whose hull is a region."""
    if region == MOUTH:
        return _dilated(points[48:60], _REACH * eye_distance)
    if region == EYES:
        return _dilated(points[17:48][np.r_[0:10, 19:31]], _REACH * eye_distance)
    if region == NOSE:
        return _dilated(points[27:36], _REACH * eye_distance)
    jaw = points[:17]
    if region == LOWER_FACE:
        below = jaw[2:15] + 0.5 * _REACH * eye_distance * _down(points)
        return np.concatenate([jaw[2:15], below, points[31:36]])
    brows = points[17:27]
    up = _down(points) * -_FOREHEAD * 0.5 * np.hypot(*(points[8] - brows.mean(axis=0)))
    return np.concatenate([jaw, brows, brows + up])


def _down(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction (2,) from the brows to the chin."""
    vector = points[8] - points[17:27].mean(axis=0)
    return np.asarray(vector / np.hypot(*vector), np.float64)


def _dilated(points: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Add points (8 n, 2) around each."""
    angle = np.arange(8) * np.pi / 4
    ring = by * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray((points[:, None] + ring[None]).reshape(-1, 2), np.float64)


def _hull(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    return mask


def _above_brows(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Everything but the face from the brows down: hair hangs beside it, too."""
    face = _hull(np.concatenate([points[2:15], points[17:27]]))
    return np.asarray(1 - face, np.uint8)
