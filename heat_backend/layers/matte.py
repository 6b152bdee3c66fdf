# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels are the person: MediaPipe's selfie segmenter, refined along the photo's edges."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere

# Radii as fractions of the face's height, so that a small face in a large photo is treated alike.
TIGHT_RADIUS = 0.012
HAIR_RADIUS = 0.06
EDGE_SOFTNESS = 1e-3  # guided filter's epsilon for a guide in 0..1
CERTAIN_PERSON = 0.92
CERTAIN_WALL = 0.08


def person_matte(
    pixels: NDArray[np.uint8], face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Matte of the person around a face.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    face_box : tuple
        Left, top, width, height of the face, pixels. It is always inside the matte.

    Returns
    -------
    ndarray, shape (H, W), float32
        0 wall, 1 person.
    """
    coarse = _segment(pixels, face_box)
    face_height = face_box[3]
    coarse = _keep_this_person(coarse, face_box)
    guide = pixels.astype(np.float32) / 255.0
    wide = _guided(guide, coarse, max(2, round(HAIR_RADIUS * face_height)))
    tight = _guided(guide, coarse, max(1, round(TIGHT_RADIUS * face_height)))
    # The wide filter finds loose hair but bleeds inside flat regions; there the tight one rules.
    band = cv2.GaussianBlur(np.abs(coarse - tight), (0, 0), max(1.0, 0.02 * face_height))
    trust_wide = np.clip(band * 4.0, 0.0, 1.0)
    alpha = tight * (1.0 - trust_wide) + wide * trust_wide
    alpha = np.clip((alpha - CERTAIN_WALL) / (CERTAIN_PERSON - CERTAIN_WALL), 0.0, 1.0)
    return np.ascontiguousarray(
        np.maximum(alpha, _face_core(pixels.shape[0], pixels.shape[1], face_box))
    )


def _segment(
    pixels: NDArray[np.uint8], face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Raw segmentation; the network sees 256 px, so a crop around the person serves it best."""
    height, width = pixels.shape[:2]
    left, top, w, h = face_box
    reach = 2.2 * max(w, h)
    cx, cy = left + w / 2, top + 0.7 * h
    x0, x1 = (int(np.clip(v, 0, width)) for v in (cx - reach, cx + reach))
    y0, y1 = (int(np.clip(v, 0, height)) for v in (cy - reach, cy + reach))
    network = _network()
    mask = np.zeros((height, width), np.float32)
    if (x1 - x0) * (y1 - y0) < 0.8 * width * height:
        mask[:] = network.process(pixels).segmentation_mask
        crop = np.ascontiguousarray(pixels[y0:y1, x0:x1])
        near = network.process(crop).segmentation_mask.astype(np.float32)
        # A crop cuts bodies at its border, where the network is least sure: fade into the whole.
        ramp = _inner_ramp(near.shape, 0.12)
        mask[y0:y1, x0:x1] = near * ramp + mask[y0:y1, x0:x1] * (1.0 - ramp)
    else:
        mask[:] = network.process(pixels).segmentation_mask
    return mask


def _inner_ramp(shape: tuple[int, ...], share: float) -> NDArray[np.float32]:
    def axis(n: int) -> NDArray[np.float32]:
        at = (np.arange(n) + 0.5) / n
        return np.clip(np.minimum(at, 1 - at) / share, 0, 1).astype(np.float32)

    return np.minimum(axis(shape[0])[:, None], axis(shape[1])[None, :])


def _network() -> Any:
    try:
        import mediapipe

        return mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
    except (ImportError, AttributeError, FileNotFoundError) as error:
        raise MissingHere(
            "mediapipe 0.10.21 is not installed: run  python -m pip install mediapipe==0.10.21"
        ) from error


def _keep_this_person(
    mask: NDArray[np.float32], face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Drop islands that do not touch the face (other people, misread walls)."""
    count, labels = cv2.connectedComponents((mask > 0.35).astype(np.uint8))
    if count <= 2:
        return mask
    left, top, w, h = (round(v) for v in face_box)
    inside = labels[max(0, top) : top + h, max(0, left) : left + w]
    wanted = (
        np.bincount(inside[inside > 0].ravel(), minlength=count).argmax() if inside.any() else 0
    )
    other = (labels > 0) & (labels != wanted)
    grown = cv2.dilate(other.astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.where((grown > 0) & (labels != wanted), 0.0, mask).astype(np.float32)


def _face_core(
    height: int, width: int, face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """1 inside the face, whatever the segmenter (made for photos) says of a drawing."""
    left, top, w, h = face_box
    core = np.zeros((height, width), np.float32)
    center = (round(left + w / 2), round(top + h / 2))
    cv2.ellipse(core, center, (round(0.40 * w), round(0.44 * h)), 0, 0, 360, 1.0, -1)
    return core


def _guided(
    guide: NDArray[np.float32], mask: NDArray[np.float32], radius: int
) -> NDArray[np.float32]:
    """Edge-preserving smoothing of ``mask`` by ``guide`` (He et al. 2010, guided image filter)."""
    result: NDArray[np.float32] = cv2.ximgproc.guidedFilter(guide, mask, radius, EDGE_SOFTNESS)
    return np.clip(result, 0.0, 1.0)
