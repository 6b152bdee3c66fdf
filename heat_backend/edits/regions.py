# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels of a photo are skin, lips, brows, hair ...: soft masks for colour edits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.detect import FaceLandmarks
from heat_backend.fit.posed_model import PosedModel

Mask = NDArray[np.float32]

# FaceMesh's landmarks.
LIPS_OUTER = [
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
]
LIPS_INNER = [
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
]
BROWS = (
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 46],
    [300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
)
EYES = (
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
)
LOWER_LIDS = ([33, 7, 163, 144, 145, 153, 154, 155, 133], [263, 249, 390, 373, 374, 380, 381, 382])
CHEEKS = ((50, 205, 36), (280, 425, 266))
EDGE = 0.02  # outer-eye distances over which masks fade
RING_DEPTH = 0.17  # of the rings under the eyes
BLUSH_REACH = 0.17
LIKELY, UNLIKELY = 2.6, 5.0  # robust standard deviations of the skin's colour
HAIR_BAND = 1.1  # outer-eye distances above the face in which hair is looked for
HAIR_CLUSTERS = 3
HAIR_LIKELY, HAIR_UNLIKELY = 14.0, 30.0  # Lab distances
LEAST_HAIR = 0.08  # square outer-eye distances


def find_regions(
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    face: FaceLandmarks,
    model: FaceModel,
    posed: PosedModel,
) -> dict[str, Mask]:
    """Find the masks, 0..1, each (H, W): skin, lips, brows, under_eye, blush, hair.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    face : FaceLandmarks
    model : FaceModel
    posed : PosedModel
    """
    shape, unit = pixels.shape[:2], face.outer_eye_distance
    points = face.points[:, :2].astype(np.float64)
    soft = max(0.7, EDGE * unit)
    lips = _polygon(shape, points[LIPS_OUTER], soft)
    lips *= 1.0 - _polygon(shape, points[LIPS_INNER], 0.5 * soft)
    eyes = np.maximum(*(_polygon(shape, points[ring], 0.6 * soft) for ring in EYES))
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    brows = _brows(lab[..., 0], points, unit)
    likely = _skin_likelihood(pixels, alpha, model, posed, np.maximum(lips, eyes))
    likely = _guided(pixels, likely, max(2, round(0.05 * unit)))
    skin = likely * alpha * (1.0 - lips) * (1.0 - eyes) * (1.0 - brows)
    rings = np.maximum(*(_ring(shape, points, lid, unit) for lid in LOWER_LIDS))
    blush = np.maximum(*(_cheek(shape, points, cheek, unit) for cheek in CHEEKS))
    hair = _hair(lab, pixels, alpha, face, model, posed, likely)
    found = {
        "skin": skin,
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


def projected(model: FaceModel, posed: PosedModel, shape: tuple[int, ...], *parts: str) -> Mask:
    """1 where a part of the posed model covers the picture."""
    wanted = np.isin(model.triangle_part, [PART_NAMES.index(part) for part in parts])
    corners = np.rint(posed.pixels[model.triangles[wanted]] * 16).astype(np.int32)
    mask = np.zeros(shape[:2], np.uint8)
    for triangle in corners:
        cv2.fillConvexPoly(mask, triangle, 1, cv2.LINE_8, 4)
    return mask.astype(np.float32)


def _chromaticity(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log ratios of linear channels, which light and shadow leave alone, and log light."""
    linear = (pixels.astype(np.float32) / 255.0) ** 2.2 + 0.003
    logs = np.log(linear)
    return np.dstack(
        [logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1], 0.35 * logs.mean(axis=2)]
    )


def _skin_likelihood(
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    model: FaceModel,
    posed: PosedModel,
    other: Mask,
) -> Mask:
    """How much a pixel (H, W) has the colour of the face's skin, where skin may be."""
    shape = pixels.shape
    on_face = projected(model, posed, shape, "face")
    on_head = projected(model, posed, shape, "head", "neck")
    disc = np.ones((2 * max(1, round(0.06 * posed.unit)) + 1,) * 2, np.uint8)
    sure = (cv2.erode(on_face, disc) > 0) & (other < 0.05) & (alpha > 0.95)
    colour = _chromaticity(pixels)
    if sure.sum() < 50:
        return on_face
    seen = colour[sure]
    middle = np.median(seen, axis=0)
    spread = 1.4826 * np.median(np.abs(seen - middle), axis=0) + np.float32(0.03)
    off = np.abs(colour - middle) / spread
    # A shadow on skin is darker and stays skin; hair is darker and of another colour.
    darker = np.maximum(0.0, middle[2] - colour[..., 2]) / spread[2]
    distance = np.sqrt(off[..., 0] ** 2 + off[..., 1] ** 2 + (0.6 * darker) ** 2)
    elsewhere = np.clip((UNLIKELY - distance) / (UNLIKELY - LIKELY), 0.0, 1.0)
    inside = np.clip((1.6 * UNLIKELY - distance) / UNLIKELY, 0.0, 1.0)
    y = np.arange(shape[0])[:, None]
    below = (y > posed.pixels[model.vertex_part == PART_NAMES.index("neck"), 1].min()) * 1.0
    prior = np.maximum(on_head, below)
    return np.maximum(on_face * inside, prior * elsewhere).astype(np.float32)


def _hair(
    lab: NDArray[np.float32],
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    face: FaceLandmarks,
    model: FaceModel,
    posed: PosedModel,
    skin: Mask,
) -> Mask:
    """Pixels of the person that look like what is right above the face, unless that is skin."""
    unit = face.outer_eye_distance
    on_face = projected(model, posed, pixels.shape, "face")
    points = face.points[:, :2]
    up = (points[10] - points[152]) / np.hypot(*(points[10] - points[152]))
    v, u = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    height = ((u - points[10, 0]) * up[0] + (v - points[10, 1]) * up[1]) / unit
    aside = np.abs((u - points[10, 0]) * up[1] - (v - points[10, 1]) * up[0]) / unit
    band = (height > 0.12) & (height < HAIR_BAND) & (aside < 1.1) & (alpha > 0.9)
    blank = np.zeros(pixels.shape[:2], np.float32)
    seen = lab[band & (skin < 0.3)]
    if len(seen) < max(30.0, LEAST_HAIR * unit**2):
        return blank
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    sample = np.ascontiguousarray(seen[:: max(1, len(seen) // 4000)], np.float32)
    cv2.setRNGSeed(1)
    _, _, centres = cv2.kmeans(
        sample, min(HAIR_CLUSTERS, len(sample)), None, criteria, 2, cv2.KMEANS_PP_CENTERS
    )
    weight = np.array((0.6, 1.0, 1.0), np.float32)  # light varies most along strands
    far = np.min([np.linalg.norm((lab - c) * weight, axis=2) for c in centres], axis=0)
    likely = np.clip((HAIR_UNLIKELY - far) / (HAIR_UNLIKELY - HAIR_LIKELY), 0.0, 1.0)
    likely *= 1.0 - np.clip(1.5 * skin, 0.0, 1.0)
    # On the face only above the brows: below there are beards, lashes and shadows.
    brow = points[[105, 334]].mean(axis=0)
    above_brows = ((u - brow[0]) * up[0] + (v - brow[1]) * up[1]) > 0.1 * unit
    likely *= np.where((on_face > 0) & ~above_brows, 0.0, 1.0)
    likely = _joined(likely.astype(np.float32), band)
    # Clothes of the hair's colour: hair hangs down beside the face, seldom past the shoulders.
    reach = np.clip((2.9 + height) / 0.6, 0.0, 1.0) * np.clip((1.7 - aside) / 0.3, 0.0, 1.0)
    likely = _guided(pixels, likely * reach, max(2, round(0.04 * unit)))
    return np.asarray(likely * alpha, np.float32)


def _joined(likely: Mask, seed: NDArray[np.bool_]) -> Mask:
    """Keep only what hangs together with the seed."""
    count, labels = cv2.connectedComponents((likely > 0.4).astype(np.uint8))
    if count < 2:
        return likely
    touched = np.unique(labels[seed & (labels > 0)])
    kept = np.isin(labels, touched[touched > 0]).astype(np.uint8)
    near = cv2.dilate(kept, np.ones((5, 5), np.uint8))
    return np.asarray(likely * near, np.float32)


def _guided(pixels: NDArray[np.uint8], mask: Mask, radius: int) -> Mask:
    guide = pixels.astype(np.float32) / 255.0
    found = cv2.ximgproc.guidedFilter(guide, np.asarray(mask, np.float32), radius, 4e-4)
    return np.asarray(np.clip(found, 0.0, 1.0), np.float32)
