# SPDX-License-Identifier: GPL-3.0-or-later
"""Soft masks of the regions that colour edits change: skin, lips, brows, hair and others."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FaceModel
from heat_backend.edits.skin_and_hair import (
    FacePhoto,
    Mask,
    hair_mask,
    hair_samples,
    skin_likelihood,
    smoothed,
    without_hair,
)
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import (
    BROWS,
    EYES,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
)

# Corner to corner; the left one ends before its inner corner.
LOWER_LIDS = ([33, *RIGHT_EYE[:7:-1]], [263, *LEFT_EYE[:8:-1]])
CHEEKS = ((50, 205, 36), (280, 425, 266))
LIP_SHARE = 0.7  # of a change of complexion that lips take
# Outer-eye distances, tuned by eye on the test portraits.
EDGE = 0.02  # over which masks fade
RING_DEPTH = 0.17  # of the rings under the eyes
BLUSH_REACH = 0.17


def find_regions(
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    face: FaceLandmarks,
    model: FaceModel,
    posed: PosedModel,
    corrections: Corrections = ALL_CORRECTIONS,
) -> dict[str, Mask]:
    """Find the masks, 0..1, each (H, W).

    They are skin, complexion (skin, and lips by a share), lips, brows, under_eye, blush and hair.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    face : FaceLandmarks
    model : FaceModel
    posed : PosedModel
    corrections : Corrections
        Of them ``hair_border``.
    """
    shape, unit = pixels.shape[:2], face.outer_eye_distance
    points = face.points[:, :2].astype(np.float64)
    soft = max(0.7, EDGE * unit)
    lips = _polygon(shape, points[LIPS_OUTER], soft)
    lips *= 1.0 - _polygon(shape, points[LIPS_INNER], 0.5 * soft)
    eyes = np.maximum(*(_polygon(shape, points[ring], 0.6 * soft) for ring in EYES))
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    brows = _brows(lab[..., 0], points, unit)
    view = FacePhoto(pixels, lab, alpha, face, model, posed)
    likely = skin_likelihood(view, np.maximum(lips, eyes))
    hair_colours = hair_samples(view, likely)
    likely = without_hair(view, likely, hair_colours)
    likely = smoothed(likely, max(2, round(0.05 * unit)))
    skin = likely * alpha * (1.0 - lips) * (1.0 - eyes) * (1.0 - brows)
    rings = np.maximum(*(_ring(shape, points, lid, unit) for lid in LOWER_LIDS))
    blush = np.maximum(*(_cheek(shape, points, cheek, unit) for cheek in CHEEKS))
    hair = hair_mask(view, likely, hair_colours, corrections)
    found = {
        "skin": skin,
        "complexion": np.maximum(skin, LIP_SHARE * lips * alpha),
        "lips": lips * alpha,
        "brows": brows * alpha,
        "under_eye": rings * skin,
        "blush": blush * skin,
        "hair": hair * (1.0 - np.maximum(eyes, brows)),
    }
    return {name: np.ascontiguousarray(mask, np.float32) for name, mask in found.items()}


def _polygon(shape: tuple[int, ...], corners: NDArray[np.float64], soft: float) -> Mask:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32) / np.float32(255.0)


def _brows(light: Mask, points: NDArray[np.float64], unit: float) -> Mask:
    """Hairs of the brows: what is darker than the skin around, in and right beside the outlines."""
    around = cv2.GaussianBlur(light, (0, 0), 0.16 * unit)
    dark = np.clip((around - light + 2.0) / 10.0, 0.0, 1.0)
    dark = cv2.GaussianBlur(dark, (0, 0), max(0.6, 0.006 * unit))
    found = np.zeros(light.shape, np.float32)
    for ring in BROWS:
        middle = points[ring].mean(axis=0)
        grown = middle + (points[ring] - middle) * (1.1, 1.5)
        found = np.maximum(found, _polygon(light.shape, grown, 0.03 * unit))
    return np.asarray(found * dark, np.float32)


def _ring(shape: tuple[int, ...], points: NDArray[np.float64], lid: list[int], unit: float) -> Mask:
    top = points[lid]
    along = np.linspace(-1.0, 1.0, len(lid))
    down = points[152] - points[168]
    down = down / max(float(np.hypot(*down)), 1e-6)
    low = top + (RING_DEPTH * unit * (1.0 - 0.6 * along**2))[:, None] * down
    high = top + 0.03 * unit * down
    return _polygon(shape, np.concatenate([high, low[::-1]]), 0.04 * unit)


def _cheek(
    shape: tuple[int, ...], points: NDArray[np.float64], cheek: tuple[int, ...], unit: float
) -> Mask:
    x, y = points[list(cheek)].mean(axis=0)
    v, u = np.ogrid[0 : shape[0], 0 : shape[1]]
    reach = BLUSH_REACH * unit
    far = ((u - x) / reach) ** 2 + ((v - y) / (0.8 * reach)) ** 2
    return np.exp(-0.5 * far).astype(np.float32)
