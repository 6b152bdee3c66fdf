# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin of a closing upper lid, and the line that its lashes draw."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from bridge.ramps import smoothstep
from heat_backend.layers.eyeballs import EyeLayer
from heat_backend.layers.lid_cover import LidCover

# All tuned by eye on the test portraits.
SKIN_FROM, SKIN_TO = 0.08, 0.45  # share of the opening travelled: from no hidden skin to all
FOLD_ABOVE = 0.09  # outer-eye distances above the margin at rest: where the fold is
LASH_BAND = 0.02  # outer-eye distances above the moving margin: lashes, which the mesh carries
SKIN_SOFT = 0.025  # outer-eye distances: softness of the skin's upper edge
CORNER_SOFT = 0.25  # of the spread around an eye
LASH_LINE = 0.05  # eye widths: thickness of the line
LASH_FROM, LASH_TO = 0.55, 0.95  # share of the opening that is gone: from no line to all of it
LASH_OPACITY = 0.92
LASH_SOFT = 0.3  # of the line's thickness
FRACTION_BITS = 4  # of OpenCV's polygon corners: 16ths of a pixel


def composite_lid_skin(
    out: NDArray[np.uint8],
    cover: LidCover,
    upper_rest: NDArray[np.floating],
    lower_rest: NDArray[np.floating],
    upper: NDArray[np.floating],
) -> None:
    """Composite the hidden skin between the lid's margin at rest and where it is now.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
        Changed in place.
    cover : LidCover
    upper_rest, lower_rest : ndarray, shape (M, 2), (K, 2)
        The margins in the frame's pose without any expression, frame pixels.
    upper : ndarray, shape (M, 2)
        The upper margin now.
    """
    across = upper_rest[-1] - upper_rest[0]
    across = across / max(float(np.hypot(*across)), 1e-3)
    down = np.array([-across[1], across[0]])
    progress = _skin_progress(upper_rest, lower_rest, upper, down)
    if progress <= 0.0:
        return
    rest = np.concatenate([upper_rest, lower_rest])
    turn = _affine(np.concatenate([cover.upper, cover.lower]), rest)
    unit = cover.unit * float(np.sqrt(abs(np.linalg.det(turn[:, :2]))))
    along = np.linspace(-1.0, 1.0, len(upper))
    taper = (1.0 - along**4)[:, None]
    fold = upper_rest - FOLD_ABOVE * unit * taper * down
    spread = cover.spread * progress * unit
    points = np.concatenate([fold, upper, lower_rest])
    reach = int(np.ceil(3 * SKIN_SOFT * unit + spread)) + 2
    left, top = (int(v) for v in np.maximum(np.floor(points.min(axis=0)) - reach, 0))
    right, bottom = (
        int(v) for v in np.minimum(np.ceil(points.max(axis=0)) + reach, out.shape[1::-1])
    )
    if right - left < 2 or bottom - top < 2:
        return
    corner, size = np.array((left, top)), (right - left, bottom - top)
    lashes = upper - LASH_BAND * unit * cover.bare[:, None] * taper * down
    lid = np.concatenate([fold, lashes[::-1]])
    mask = cv2.GaussianBlur(_filled(lid - corner, size), (0, 0), max(0.6, SKIN_SOFT * unit))
    # Sharp at the margin itself: below it is the eye, or the lower lid.
    far = float(sum(size))
    corners = [upper[-1] + far * (across - down), upper[0] - far * (across + down)]
    above = np.array([upper[0] - far * across, *upper, upper[-1] + far * across, *corners])
    edge = _filled(above - corner, size)
    eye = np.zeros_like(mask)
    if spread > 0.0:
        eye = _eye_mask(upper_rest - corner, lower_rest - corner, size, spread)
    turn[:, 2] += turn[:, :2] @ (cover.left, cover.top) - corner
    skin = cv2.warpAffine(cover.skin, turn, size, borderMode=cv2.BORDER_REPLICATE)
    _blend_skin(out, left, top, skin, mask, edge, eye, float(smoothstep(0.0, 1.0, progress)))


def composite_lash_line(
    out: NDArray[np.uint8], margin: NDArray[np.floating], eye: EyeLayer, closed: float
) -> None:
    """Draw the line along the upper lid's margin, the stronger the more the eye is shut.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
        Changed in place.
    margin : ndarray, shape (M, 2)
        Margin of the upper lid from corner to corner, frame pixels.
    eye : EyeLayer
    closed : float
        0 as wide as in the photo .. 1 shut.
    """
    strength = LASH_OPACITY * float(smoothstep(LASH_FROM, LASH_TO, closed))
    if strength <= 0.0:
        return
    width = max(1.0, LASH_LINE * eye.width_px)
    reach = int(np.ceil(2 * width)) + 2
    height, full = out.shape[:2]
    left, top = (int(max(0, v)) for v in np.floor(margin.min(axis=0)) - reach)
    right = int(min(full, np.ceil(margin[:, 0].max()) + reach))
    bottom = int(min(height, np.ceil(margin[:, 1].max()) + reach))
    if right <= left or bottom <= top:
        return
    line = np.zeros((bottom - top, right - left), np.uint8)
    points = np.rint((margin - (left, top)) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.polylines(line, [points], False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION_BITS)
    soft = cv2.GaussianBlur(line, (0, 0), max(0.5, LASH_SOFT * width)).astype(np.float32)
    soft /= max(float(soft.max()), 1.0)
    # Lashes thin out toward both corners.
    along = np.clip((np.arange(left, right) - margin[0, 0]) / np.ptp(margin[[0, -1], 0]), 0, 1)
    thin = np.clip(4.0 * along * (1.0 - along) * 1.5, 0.0, 1.0).astype(np.float32)
    share = (strength * soft * thin)[..., None]
    view = out[top:bottom, left:right, :3]
    mixed = view + share * (eye.lash - view)
    np.copyto(view, np.rint(np.clip(mixed, 0, 255)), casting="unsafe")


def _skin_progress(
    upper_rest: NDArray[np.floating],
    lower_rest: NDArray[np.floating],
    upper: NDArray[np.floating],
    down: NDArray[np.floating],
) -> float:
    """How far the hidden skin has taken over, 0..1."""
    middle = slice(len(upper) // 4, -(len(upper) // 4))
    opening = float(np.ptp(np.concatenate([upper_rest, lower_rest]) @ down))
    travel = float(((upper - upper_rest)[middle] @ down).mean()) / max(opening, 1.0)
    return float(np.clip((travel - SKIN_FROM) / (SKIN_TO - SKIN_FROM), 0.0, 1.0))


@njit(cache=True, fastmath=True)
def _blend_skin(
    out: NDArray[np.uint8],
    left: int,
    top: int,
    skin: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    edge: NDArray[np.uint8],
    eye: NDArray[np.uint8],
    share: float,
) -> None:
    """Blend skin (h, w, 3) over a frame by ``mask`` times ``edge``, or ``eye``; (h, w), 0..255."""
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            m = share * max(mask[i, j] * edge[i, j] / 65025.0, eye[i, j] / 255.0)
            if m <= 0.0:
                continue
            for k in range(3):
                under = float(out[top + i, left + j, k])
                out[top + i, left + j, k] = np.uint8(under + m * (skin[i, j, k] - under) + 0.5)


def _affine(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Affine map (2, 3) that takes points (N, 2) nearest to others, by least squares."""
    design = np.column_stack([source, np.ones(len(source))]).astype(np.float64)
    inverse = np.linalg.inv(design.T @ design)
    return np.asarray((inverse @ (design.T @ target)).T, np.float64)


def _eye_mask(
    upper: NDArray[np.floating],
    lower: NDArray[np.floating],
    size: tuple[int, int],
    spread: float,
) -> NDArray[np.uint8]:
    """Mask of the whole eye, softly wider by ``spread`` pixels at its corners."""
    reach = max(1, round(spread))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * (reach // 3) + 1))
    eye = cv2.dilate(_filled(np.concatenate([upper, lower[::-1]]), size), disc)
    return np.asarray(cv2.GaussianBlur(eye, (0, 0), max(0.6, CORNER_SOFT * spread)), np.uint8)


def _filled(polygon: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Antialiased mask of a polygon, 0..255; ``size`` is (width, height)."""
    fine = np.zeros((size[1], size[0]), np.uint8)
    points = np.rint(polygon * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(fine, [points], 255, cv2.LINE_AA, FRACTION_BITS)
    return fine
