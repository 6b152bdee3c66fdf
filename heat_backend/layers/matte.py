# SPDX-License-Identifier: GPL-3.0-or-later
"""The matte of the person in a photo, and strands of hair that it misses.

``foreground_matte`` asks a network twice: about the whole person, coarsely, and about the head
and shoulders, finely, enlarged along the photo's edges; ``find_loose_hair`` adds thin strands
beside it by their contrast to the background. Mattes are 0 background .. 1 foreground.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.inpainting import pull_push
from heat_backend.layers.matting_network import network_matte

# Parts of the picture that the network sees: above, beside and below the face's centre.
WHOLE_REACH = (3.0, 5.0, 8.0)  # sizes of the face: a person from head to foot
NEAR_REACH = (1.6, 2.2, 2.4)  # hair and shoulders
BELOW = 1.0 / 3.0  # of the picture's height, by which it is continued below
COARSE_SIDE, FINE_SIDE = 256, 384  # pixels at which the network sees them; 512 shows no finer hair
FADE = 0.12  # of the near part's sides
# Sizes of the face: where the coarse matte is sure of a thing for so far, the fine one errs.
SURELY_INSIDE, SURELY_OUTSIDE = 0.06, 0.3
EDGE_SOFTNESS = 1e-5  # guided filter's epsilon for a guide in 0..1

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
    height, width = pixels.shape[:2]
    # The network takes a body that the lower border cuts for one that ends there, and doubts it.
    below = round(BELOW * height)
    longer = cv2.copyMakeBorder(pixels, 0, below, 0, 0, cv2.BORDER_REFLECT)
    alpha = np.zeros(longer.shape[:2], np.float32)
    whole = _window(longer.shape, face_box, WHOLE_REACH)
    coarse = network_matte(longer[whole], COARSE_SIDE)
    scale = face_box[3] * len(coarse) / (whole[0].stop - whole[0].start)
    inner, outer = np.zeros_like(alpha), np.zeros_like(alpha)
    for layer, small in (
        (alpha, coarse),
        (inner, cv2.erode(coarse, _disc(max(1, round(SURELY_INSIDE * scale))))),
        (outer, cv2.dilate(coarse, _disc(max(1, round(SURELY_OUTSIDE * scale))))),
    ):
        layer[whole] = cv2.resize(small, _size(layer[whole]))
    near = _window(pixels.shape, face_box, NEAR_REACH)
    side = int(np.clip(max(pixels[near].shape), COARSE_SIDE, FINE_SIDE))
    fine = _enlarged(network_matte(pixels[near], side), pixels[near])
    fine = np.minimum(np.maximum(fine, inner[near]), outer[near])
    # A window cuts bodies at its border, where the network is least sure: fade into the whole.
    ramp = _ramp(near, pixels.shape)
    alpha[near] = fine * ramp + alpha[near] * (1.0 - ramp)
    alpha = drop_other_people(alpha[:height], face_box)
    return np.ascontiguousarray(np.maximum(alpha, face_core(height, width, face_box)))


Window = tuple[slice, slice]


def _window(
    shape: tuple[int, ...],
    face_box: tuple[float, float, float, float],
    reach: tuple[float, float, float],
) -> Window:
    """Part of a picture around a face: above, beside, below its centre, in sizes of the face."""
    left, top, w, h = face_box
    above, beside, below = (share * max(w, h) for share in reach)
    x, y = left + w / 2, top + h / 2
    rows, columns = (
        slice(*(int(np.clip(round(v), 0, side)) for v in ends))
        for ends, side in (((y - above, y + below), shape[0]), ((x - beside, x + beside), shape[1]))
    )
    return rows, columns


def _size(picture: NDArray[Any]) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


def _ramp(window: Window, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """1 inside a window, towards 0 at its sides that are not the picture's own."""

    def along(part: slice, whole: int) -> NDArray[np.float32]:
        size = part.stop - part.start
        at = (np.arange(size) + 0.5) / (FADE * size)
        low = at if part.start > 0 else np.ones(size)
        high = at[::-1] if part.stop < whole else np.ones(size)
        return np.clip(np.minimum(low, high), 0.0, 1.0).astype(np.float32)

    return along(window[0], shape[0])[:, None] * along(window[1], shape[1])


def _enlarged(alpha: NDArray[np.float32], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Enlarge a small matte to a picture along the picture's edges.

    He et al. 2015, "Fast Guided Filter", with the constants of Robust Video Matting.
    """

    def blur(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.blur(x, (3, 3))

    full = pixels.astype(np.float32).mean(axis=2) / 255.0
    guide = cv2.resize(full, _size(alpha), interpolation=cv2.INTER_AREA)
    mean_g, mean_a = blur(guide), blur(alpha)
    slope = (blur(guide * alpha) - mean_g * mean_a) / (
        blur(guide * guide) - mean_g * mean_g + EDGE_SOFTNESS
    )
    offset = mean_a - slope * mean_g
    size = _size(pixels)
    return np.clip(cv2.resize(slope, size) * full + cv2.resize(offset, size), 0.0, 1.0)


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
