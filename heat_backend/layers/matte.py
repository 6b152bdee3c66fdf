# SPDX-License-Identifier: GPL-3.0-or-later
"""The matte of the person in a photo, and strands of hair that it misses.

``foreground_matte`` segments the person by MediaPipe's selfie network and refines the result along
the photo's edges by guided filters; ``find_loose_hair`` adds thin strands beside it by their
contrast to the background. Mattes are 0 background .. 1 foreground.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere
from heat_backend.layers.inpainting import pull_push

# Radii as fractions of the face's height, so that a small face in a large photo is treated alike.
TIGHT_RADIUS = 0.012  # of the guided filter along skin and clothes
HAIR_RADIUS = 0.06  # of the guided filter along hair
EDGE_SOFTNESS = 1e-3  # guided filter's epsilon for a guide in 0..1
# Matte levels taken as wholly foreground and background: the filters never reach 1 and 0.
CERTAIN_FOREGROUND, CERTAIN_BACKGROUND = 0.92, 0.08

# Loose hair; by eye on the test portraits. Shares of the face's height:
REACH = 0.35  # from the matte, how far hair may stand off
THICK = 0.05  # a tuft, at most
GAP = 0.012  # between what still hangs together
FARTHER = 0.5  # of the farthest pixel: background, where a picture shows little of it
# Levels of 0..255, and multiples of the background's own contrast, from which something is hair.
LEAST_CONTRAST, OVER_BACKGROUND = 14.0, 1.6
BACKGROUND_PERCENTILE = 97.0  # percentile of the background's contrast
MOST_FACE = 500.0  # height in pixels: pictures of higher faces are searched at a smaller size
LEAST_SHARE = 0.1  # of hair in a strand
SAME = 12.0  # levels by which hair must differ from the background
SURER = 1.2  # factor on the share: blur makes thin strands paler than they are
CERTAIN = 0.95  # matte of what surely is the foreground
SURE = 0.35  # matte from which on hair hangs on it


def foreground_matte(
    pixels: NDArray[np.uint8], face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Compute the matte of the person around a face.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    face_box : tuple
        Left, top, width, height of the face, pixels. It is always inside the matte.

    Returns
    -------
    ndarray, shape (H, W), float32
        0 background, 1 foreground.
    """
    coarse = _segment(pixels, face_box)
    face_height = face_box[3]
    coarse = drop_other_people(coarse, face_box)
    guide = pixels.astype(np.float32) / 255.0
    wide = _guided(guide, coarse, max(2, round(HAIR_RADIUS * face_height)))
    tight = _guided(guide, coarse, max(1, round(TIGHT_RADIUS * face_height)))
    # The wide filter finds loose hair but bleeds inside flat regions; there the tight one rules.
    band = cv2.GaussianBlur(np.abs(coarse - tight), (0, 0), max(1.0, 0.02 * face_height))
    trust_wide = np.clip(band * 4.0, 0.0, 1.0)
    alpha = tight * (1.0 - trust_wide) + wide * trust_wide
    alpha = np.clip(
        (alpha - CERTAIN_BACKGROUND) / (CERTAIN_FOREGROUND - CERTAIN_BACKGROUND), 0.0, 1.0
    )
    return np.ascontiguousarray(
        np.maximum(alpha, face_core(pixels.shape[0], pixels.shape[1], face_box))
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


def drop_other_people(
    mask: NDArray[np.float32], face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Set islands of a segmentation that do not touch the face to 0.

    For: photos with other people, or with a background that the segmenter misreads.
    """
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


def face_core(
    height: int, width: int, face_box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Matte of an ellipse inside the face: 1 there, 0 elsewhere; joined to the segmenter's.

    For: drawings, in which the segmenter, trained on photos, misses parts of the face.
    """
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


def find_loose_hair(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], face_height: float
) -> NDArray[np.float32]:
    """Find strands of hair beside a matte that the segmenter missed.

    For: loose or backlit hair.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    alpha : ndarray, shape (H, W), float32
        Matte of the foreground.
    face_height : float
        Pixels.

    Returns
    -------
    ndarray, shape (H, W), float32
        0 background .. 1 hair; 0 where the matte already has the foreground.
    """
    scale = MOST_FACE / face_height
    if scale < 1.0:
        height, width = alpha.shape
        small = max(1, round(width * scale)), max(1, round(height * scale))
        found = find_loose_hair(
            cv2.resize(pixels, small, interpolation=cv2.INTER_AREA),
            cv2.resize(alpha, small, interpolation=cv2.INTER_AREA),
            min(MOST_FACE, face_height * scale),
        )
        return np.where(alpha > SURE, 0.0, cv2.resize(found, (width, height))).astype(np.float32)
    foreground = (alpha > SURE).astype(np.uint8)
    away = cv2.distanceTransform(1 - foreground, cv2.DIST_L2, 5)
    contrast = _contrast(pixels, max(1, round(THICK * face_height)))
    background = contrast[away > min(REACH * face_height, FARTHER * float(away.max()))]
    if background.size == 0:
        return np.zeros_like(alpha)
    least = max(
        LEAST_CONTRAST, OVER_BACKGROUND * float(np.percentile(background, BACKGROUND_PERCENTILE))
    )
    thin = (contrast > least) & (away <= REACH * face_height)
    share = _share_of_hair(pixels, alpha, thin, max(1, 2 * round(GAP * face_height)))
    strong = thin & (share > LEAST_SHARE)
    gap = _disc(max(1, round(GAP * face_height)))
    joined = cv2.dilate((strong | (foreground > 0)).astype(np.uint8), gap)
    _, labels = cv2.connectedComponents(joined)
    hanging = np.isin(labels, np.unique(labels[foreground > 0])) & (joined > 0)
    near = cv2.dilate((strong & hanging).astype(np.uint8), gap) > 0
    return np.where(near & (foreground == 0), share, 0.0).astype(np.float32)


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
    """How far (H, W), 0..1, the photo is from the background's colour to that of the hair beside.

    Pixels on the other side of the background's colour than the hair count as background.
    """
    taken = cv2.dilate(((alpha > 0.0) | thin).astype(np.uint8), _disc(margin))
    foreground = cv2.erode((alpha > CERTAIN).astype(np.uint8), _disc(margin))
    photo = pixels.astype(np.float32)
    background = pull_push(photo, 1.0 - taken.astype(np.float32))
    toward = pull_push(photo, foreground.astype(np.float32)) - background
    share = ((photo - background) * toward).sum(axis=2) / ((toward**2).sum(axis=2) + SAME**2)
    return np.asarray(np.clip(SURER * share, 0.0, 1.0), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    across = 2 * radius + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return disc
