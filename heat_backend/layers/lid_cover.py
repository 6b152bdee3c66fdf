# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture of the upper lid's skin that an open eye rolls up in its fold.

A closing lid unrolls it. Stretching the narrow strip that is visible would smear it, with the
fold's shadow or a frame of spectacles on it; so the skin is filled by pull-push from the bare skin
around the eye, with that skin's grain.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.inpainting import pull_push

# Outer-eye distances where nothing else is said; by eye on the test portraits.
AROUND = 0.30  # beyond the opening
LASHES_UP, LASHES_DOWN = 0.025, 0.03  # around the margins, where it is not skin's own colour
STAYS = 0.01, 0.035  # beyond them: the photo is kept from not at all to wholly
SPREAD = 0.04  # by which landmarks miss the corners of eyes behind glass
FRAME_STAYS = 0.004, 0.016  # as STAYS, where a frame is
FRAME_RIM = 0.012  # around the dark of a frame: its gleam
FRAME_NEAR = (0.01, 0.05)  # from a frame: lashes behind it, and the photo's own
GRAIN = 0.012  # softness that tells grain from shading
MOST_GRAIN = 10.0  # levels of 0..255: more is a lash
GRAIN_FROM = 0.16  # below: from there the grain is taken
LIT_BEHIND_FRAME = 0.25  # which shades it
LIT, LID_TONE = 0.55, 0.94  # how far a lid out of its fold is as light as the skin around
MADE_SOFT = 0.02  # over which filled skin takes that light
RING = 0.12  # around the eye, whose skin is the reference for light and tint
LEAST_TINT = 0.15  # of skin in a photo with colours
PALE = 0.45, 0.75  # of the skin's tint: less is the white of an eye, or a gleam on glass
SHADOW = 0.66, 0.9  # of that lightness: darker is a lash, an iris' edge, a frame


@dataclass(frozen=True)
class LidCover:
    """One eye's hidden lid skin.

    Attributes
    ----------
    skin : ndarray, shape (h, w, 3), uint8
        The eye replaced by skin.
    left, top : int
        Photo pixel of the first column and row.
    upper, lower : ndarray, shape (M, 2), float32
        Lids' margins in the photo, both from image left to image right.
    unit : float
        Outer-eye distance, pixels.
    spread : float
        How far beyond the margins the eye may still be seen, outer-eye distances.
    bare : ndarray, shape (M,), float32
        Where along the upper margin the lashes are the photo's own, 1, or behind a frame, 0.
    """

    skin: NDArray[np.uint8]
    left: int
    top: int
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    unit: float
    spread: float
    bare: NDArray[np.float32]


def build_lid_cover(
    photo: NDArray[np.uint8],
    upper: NDArray[np.floating],
    lower: NDArray[np.floating],
    unit: float,
    frame: NDArray[np.bool_] | None,
) -> LidCover:
    """Fill one eye with skin; see the module.

    With a frame of spectacles the eye is taken wider and the frame is kept.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    upper, lower : ndarray, shape (M, 2), (K, 2)
        Lids' margins in the photo, both from image left to image right.
    unit : float
        Outer-eye distance, pixels.
    frame : ndarray, shape (H, W), bool, or None
        Pixels of a spectacle frame.
    """
    height, width = photo.shape[:2]
    outline = np.concatenate([upper, lower[::-1]])
    low = np.floor(outline.min(axis=0) - AROUND * unit).astype(int)
    high = np.ceil(outline.max(axis=0) + AROUND * unit).astype(int) + 1
    left, top = (int(np.clip(v, 0, s - 2)) for v, s in zip(low, (width, height), strict=True))
    right, bottom = int(np.clip(high[0], left + 2, width)), int(np.clip(high[1], top + 2, height))
    crop = photo[top:bottom, left:right].astype(np.float32)
    corner = np.array((left, top), np.float32)
    spread = SPREAD if frame is not None else 0.0
    away = _away(crop.shape[:2], upper - corner, lower - corner, unit)
    known, pale = _like_skin(crop, away, unit)
    fixed = np.clip((away - spread * pale - STAYS[0]) / np.ptp(STAYS), 0.0, 1.0)
    if frame is not None:
        fixed = np.maximum(fixed, _of_frame(frame[top:bottom, left:right], away, unit))
    skin = pull_push(crop, known).reshape(crop.shape)
    made = cv2.GaussianBlur(1.0 - known, (0, 0), max(0.6, MADE_SOFT * unit))[..., None]
    lit = LIT if frame is None else LIT_BEHIND_FRAME
    skin += lit * made * (_lit_skin(crop, known) - skin)
    skin += (1.0 - known)[..., None] * _grain(crop, known, unit)
    skin += fixed[..., None] * (crop - skin)
    return LidCover(
        np.rint(np.clip(skin, 0.0, 255.0)).astype(np.uint8),
        left,
        top,
        upper.astype(np.float32),
        lower.astype(np.float32),
        float(unit),
        spread,
        _bare(upper, frame, unit),
    )


def _bare(
    margin: NDArray[np.floating], frame: NDArray[np.bool_] | None, unit: float
) -> NDArray[np.float32]:
    """Where (M,) along a margin nothing of a frame is near."""
    if frame is None:
        return np.ones(len(margin), np.float32)
    away = cv2.distanceTransform((~frame).astype(np.uint8), cv2.DIST_L2, 5)
    at = margin.astype(np.float32)[None]
    near = cv2.remap(away, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0] / unit
    bare = np.clip((near - FRAME_NEAR[0]) / np.ptp(FRAME_NEAR), 0.0, 1.0)
    return np.asarray(bare, np.float32)


def _away(
    shape: tuple[int, ...], upper: NDArray[np.floating], lower: NDArray[np.floating], unit: float
) -> NDArray[np.float32]:
    """Distance (h, w) from an eye with its lashes, outer-eye distances, 0 on it."""
    eye = np.zeros(shape, np.uint8)
    up, down = np.array((0.0, -LASHES_UP * unit)), np.array((0.0, LASHES_DOWN * unit))
    rims = np.concatenate([upper + up, lower[::-1] + down])
    cv2.fillPoly(eye, [np.rint(rims).astype(np.int32)], 1)
    return np.asarray(cv2.distanceTransform(1 - eye, cv2.DIST_L2, 5) / unit, np.float32)


def _of_frame(
    frame: NDArray[np.bool_], away: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    """How much (h, w) a pixel belongs to a frame, which stands still before the lid."""
    size = 2 * max(1, round(FRAME_RIM * unit)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    share = cv2.dilate(frame.astype(np.float32), disc)
    share = cv2.GaussianBlur(share, (0, 0), max(0.5, 0.5 * FRAME_RIM * unit))
    outside = np.clip((away - FRAME_STAYS[0]) / np.ptp(FRAME_STAYS), 0.0, 1.0)
    return np.asarray(share * outside, np.float32)


def _like_skin(
    crop: NDArray[np.float32], away: NDArray[np.float32], unit: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How surely (h, w) a pixel shows bare skin, and how surely something as light but pale."""
    soft = cv2.GaussianBlur(crop, (0, 0), max(0.6, GRAIN * unit))
    light = soft.mean(axis=2)
    tint = (soft.max(axis=2) - soft.min(axis=2)) / np.maximum(light, 1.0)
    ring = (away > 0.0) & (away < RING)
    if not ring.any():
        ring = np.ones_like(ring)
    typical, usual = float(np.percentile(light[ring], 60)), float(np.median(tint[ring]))
    share = np.clip((light / max(typical, 1.0) - SHADOW[0]) / np.ptp(SHADOW), 0.0, 1.0)
    coloured = np.ones_like(light)
    if usual > LEAST_TINT:
        coloured = np.clip((tint / usual - PALE[0]) / np.ptp(PALE), 0.0, 1.0)
    known = (away > 0.0) * share * coloured
    return np.asarray(known, np.float32), np.asarray(share * (1.0 - coloured), np.float32)


def _lit_skin(crop: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour (3,) of the skin around the eye where no fold shades it."""
    seen = crop[known > 0.9]
    if len(seen) == 0:
        return np.asarray(crop.mean(axis=(0, 1)), np.float32)
    light = seen.mean(axis=1)
    return np.asarray(LID_TONE * np.median(seen[light >= np.median(light)], axis=0), np.float32)


def _grain(
    crop: NDArray[np.float32], known: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    """Grain (h, w, 3) of the skin below the eye, for the rows of the eye."""
    fine = crop - cv2.GaussianBlur(crop, (0, 0), max(0.6, GRAIN * unit))
    fine = np.clip(fine * known[..., None], -MOST_GRAIN, MOST_GRAIN)
    return np.asarray(np.roll(fine, -round(GRAIN_FROM * unit), axis=0), np.float32)
