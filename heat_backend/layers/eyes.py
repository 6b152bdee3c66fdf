# SPDX-License-Identifier: GPL-3.0-or-later
"""An eyeball as the photo would show it without lids, to be seen when it turns or opens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.fill import pull_push
from heat_backend.layers.outline import contact_shade, outline_patch

# FaceMesh's iris landmarks: centre and ring, subject's right and left eye.
IRIS_CENTER = {"right": 468, "left": 473}
IRIS_RING = {"right": [469, 470, 471, 472], "left": [474, 475, 476, 477]}
SCLERA_TINT = 0.5  # how much of the tint found between the lids is believed
SCLERA_EVEN = 0.7  # how far the fill is evened out to the light of the bare sclera
CLEAN_RIM = 0.075  # eye widths: beyond this no pink rim and no lash is left
RIM = 0.035  # eye widths inside the margin: wet rim and lashes, which belong to the lids
SHADE_REACH = 0.10  # eye widths
SHADE_LEAST = 0.62


@dataclass(frozen=True)
class EyeLayer:
    """One eye's texture and where its ball is.

    Attributes
    ----------
    texture : ndarray, shape (h, w, 3), float32
        0..255, without the lids' shadow, the photo's own up to the lids' rim.
    clean : ndarray, shape (h, w, 3), float32
        The same with rim and lashes replaced: what a turned eyeball shows.
    left, top : int
        Photo pixel of its first column and row.
    center : ndarray, shape (3,), float32
        Eyeball's centre about the head's pivot, picture axes, model units.
    center_px : ndarray, shape (2,), float32
        The same in the photo, pixels.
    radius_px : float
    width_px : float
        Width of the opening at rest.
    white : float
        Luminance of the sclera, 0..255: how brightly white things are lit.
    lash : ndarray, shape (3,), float32
        Colour of the lashes.
    """

    texture: NDArray[np.float32]
    clean: NDArray[np.float32]
    left: int
    top: int
    center: NDArray[np.float32]
    center_px: NDArray[np.float32]
    radius_px: float
    width_px: float
    white: float
    lash: NDArray[np.float32]


def build_eye(
    photo: NDArray[np.uint8],
    opening: NDArray[np.floating],
    iris_center: NDArray[np.floating],
    iris_ring: NDArray[np.floating],
    center: NDArray[np.floating],
    center_px: NDArray[np.floating],
    radius_px: float,
) -> EyeLayer:
    """Complete what the lids hide.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    opening : ndarray, shape (M, 2)
        Lid margins as a closed polygon, photo pixels.
    iris_center : ndarray, shape (2,)
    iris_ring : ndarray, shape (4, 2)
    center, center_px, radius_px
        See :class:`EyeLayer`.
    """
    height, width = photo.shape[:2]
    eye_width = float(np.ptp(opening[:, 0]))
    margin = int(0.8 * eye_width) + 3
    left = int(np.clip(opening[:, 0].min() - margin, 0, width - 2))
    top = int(np.clip(opening[:, 1].min() - margin, 0, height - 2))
    right = int(np.clip(opening[:, 0].max() + margin, left + 2, width))
    bottom = int(np.clip(opening[:, 1].max() + margin, top + 2, height))
    crop = photo[top:bottom, left:right].astype(np.float32)
    mask = np.zeros(crop.shape[:2], np.float32)
    patch = outline_patch(opening, width, height)
    if patch is not None:
        _paste(mask, patch.mask, patch.left - left, patch.top - top)
    shade = contact_shade(mask, SHADE_REACH * eye_width, SHADE_LEAST)
    bare = crop / shade[..., None]
    hidden, sure = _behind_lids(
        bare, mask, iris_center - (left, top), iris_ring - (left, top), eye_width
    )
    own = np.clip((soften(mask, RIM * eye_width) - 0.5) / 0.12, 0.0, 1.0)[..., None]
    core = cv2.GaussianBlur(sure, (0, 0), max(0.6, 0.015 * eye_width))[..., None]
    return EyeLayer(
        np.ascontiguousarray(bare * own + hidden * (1.0 - own), np.float32),
        np.ascontiguousarray(bare * core + hidden * (1.0 - core), np.float32),
        left,
        top,
        np.asarray(center, np.float32),
        np.asarray(center_px, np.float32),
        float(radius_px),
        eye_width,
        float(np.percentile(bare[mask > 0.5].mean(axis=1), 85)) if (mask > 0.5).any() else 0.0,
        _lash_colour(crop, opening - (left, top), eye_width),
    )


def _lash_colour(
    crop: NDArray[np.float32], opening: NDArray[np.floating], eye_width: float
) -> NDArray[np.float32]:
    """Colour of the darkest pixels along the lid margins."""
    band = np.zeros(crop.shape[:2], np.uint8)
    thick = max(1, round(2 * RIM * eye_width))
    cv2.polylines(band, [np.rint(opening).astype(np.int32)], True, 255, thick)
    pixels = crop[band > 0]
    light = pixels.mean(axis=1)
    dark = pixels[light <= np.percentile(light, 15)]
    return np.asarray(dark.mean(axis=0), np.float32)


def soften(mask: NDArray[np.float32], rim: float) -> NDArray[np.float32]:
    """Blur a mask so that a threshold on it moves its outline in by a share of ``rim`` pixels."""
    blurred: NDArray[np.float32] = cv2.GaussianBlur(
        mask, (0, 0), max(0.5, 0.8 * rim), borderType=cv2.BORDER_CONSTANT
    )
    return blurred


def _paste(into: NDArray[np.float32], what: NDArray[np.float32], x: int, y: int) -> None:
    h, w = what.shape
    y0, x0 = max(0, y), max(0, x)
    y1, x1 = min(into.shape[0], y + h), min(into.shape[1], x + w)
    into[y0:y1, x0:x1] = what[y0 - y : y1 - y, x0 - x : x1 - x]


def _behind_lids(
    bare: NDArray[np.float32],
    mask: NDArray[np.float32],
    iris_center: NDArray[np.floating],
    iris_ring: NDArray[np.floating],
    eye_width: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sclera and iris as they continue under the lids, and where the photo surely shows them."""
    h, w = mask.shape
    erode = max(1, round(CLEAN_RIM * eye_width))
    sure = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * erode + 1,) * 2))
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    radius = max(2.0, float(np.hypot(*(iris_ring - iris_center).T).mean()))
    rho = np.hypot(x - iris_center[0], y - iris_center[1]) / radius
    sclera_known = (sure * (rho > 1.12)).astype(np.float32)
    if sclera_known.sum() < 12:
        sclera_known = (sure * (rho > 0.9)).astype(np.float32)
    # Bright pixels are bare sclera, dark ones lie in the shadow of lashes.
    light = bare.mean(axis=2)
    brightest = float(light[sclera_known > 0].max(initial=1.0))
    sclera_known *= np.clip(light / brightest, 0, 1) ** 3
    white = pull_push(bare, sclera_known)
    white = _pale(white, bare[sclera_known > 0.3])
    white = cv2.GaussianBlur(white, (0, 0), max(0.8, 0.03 * eye_width))
    iris = _radial_profile(bare, sure, rho)
    # The limbus, where iris and sclera meet, is soft over about a tenth of the radius.
    inside = np.clip((1.10 - rho) / 0.16, 0.0, 1.0)[..., None]
    return white * (1.0 - inside) + iris * inside, sure


def _pale(white: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take skin's tint out of a filled sclera, and lift it to the sclera's own light."""
    level = white.mean(axis=2, keepdims=True)
    pale = level + SCLERA_TINT * (white - level)
    if len(samples) < 8:
        return pale
    light = float(np.percentile(samples.mean(axis=1), 75))
    lifted: NDArray[np.float32] = pale * (light / np.maximum(level, 1.0)) ** SCLERA_EVEN
    return lifted


def _radial_profile(
    bare: NDArray[np.float32], sure: NDArray[np.float32], rho: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Colour of the iris by distance from its centre, from what of it is visible."""
    bins = 24
    index = np.minimum((rho / 1.2 * bins).astype(int), bins - 1)
    known = (sure > 0.9) & (rho < 1.2)
    counts = np.bincount(index[known], minlength=bins).astype(np.float32)
    profile = np.zeros((bins, 3), np.float32)
    for k in range(3):
        profile[:, k] = np.bincount(index[known], bare[..., k][known], minlength=bins)
    if counts.sum() == 0:
        return np.full_like(bare, 40.0)
    have = counts > 0
    profile[have] /= counts[have, None]
    for k in range(3):
        profile[:, k] = np.interp(np.arange(bins), np.flatnonzero(have), profile[have, k])
    at = np.clip(rho / 1.2 * bins - 0.5, 0, bins - 1.001)
    low = at.astype(int)
    share = (at - low)[..., None]
    return profile[low] * (1 - share) + profile[np.minimum(low + 1, bins - 1)] * share
