# SPDX-License-Identifier: GPL-3.0-or-later
"""The iris in a photo: its circle, found by contrast, and its colours where lids hide it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BINS = 24  # of the radial profile: some 1 pixel each in an eye of a 768 px portrait
PROFILE_TO = 1.2  # iris radii: past the soft limbus
# Search around the tracked iris, in its radii: up to 1.6 for drawn characters.
RADII = np.linspace(0.85, 1.6, 26)
SHIFTS = np.linspace(-0.24, 0.24, 7)
STEP = 0.09  # on either side of the outline, in radii
DOUBT = 0.2  # of the eye's contrast outweighs a radius off by half
STRONG = 0.5  # of the eye's contrast: a step that counts fully, however much stronger it is


def iris_outline(
    light: NDArray[np.float32],
    inside: NDArray[np.float32],
    center: NDArray[np.floating],
    radius: float,
) -> tuple[NDArray[np.float64], float]:
    """Centre (2,) and radius, pixels, of the circle across which the picture brightens most.

    After Daugman (1993), "High confidence visual recognition of persons by a test of statistical
    independence": the derivative along the radius of the mean light on a circle. Only what lies
    between the lids counts, and a circle far from the tracker's must have the better contrast.

    Parameters
    ----------
    light : ndarray, shape (H, W), float32
        Grey levels.
    inside : ndarray, shape (H, W), float32
        1 between the lids.
    center, radius
        Where the tracker sees the iris.
    """
    angle = np.linspace(0.0, 2 * np.pi, 48, endpoint=False)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    dx, dy, size = (v.ravel() for v in np.meshgrid(SHIFTS, SHIFTS, RADII, indexing="ij"))
    middle = np.asarray(center) + radius * np.stack([dx, dy], axis=-1)

    def on_circle(picture: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
        at = middle[:, None] + (factor * radius * size)[:, None, None] * ray
        x, y = (np.ascontiguousarray(at[..., k], np.float32) for k in (0, 1))
        return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderValue=0))

    soft = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.04 * radius))
    share = on_circle(inside, 1.0 + STEP) * on_circle(inside, 1.0)
    rise = on_circle(soft, 1.0 + STEP) - on_circle(soft, 1.0 - STEP)
    seen = share.sum(axis=1)
    within = light[inside > 0.5]
    span = float(np.ptp(np.percentile(within, (5, 95)))) if within.size else 0.0
    contrast = np.clip(rise / max(span, 8.0), -STRONG, STRONG) * share
    score = contrast.sum(axis=1) / np.maximum(seen, 1e-6) * np.minimum(1.0, seen / 12.0)
    off = np.log(size) ** 2 / np.log(1.5) ** 2 + (dx**2 + dy**2) / 0.5**2
    best = int(np.argmax(score - DOUBT * off))
    return np.asarray(middle[best], np.float64), float(size[best] * radius)


def radial_profile(
    bare: NDArray[np.float32], sure: NDArray[np.float32], rho: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Colour of the iris by distance from its centre, from what of it is visible.

    Parameters
    ----------
    bare : ndarray, shape (H, W, 3), float32
    sure : ndarray, shape (H, W), float32
        Where the photo surely shows the eyeball.
    rho : ndarray, shape (H, W), float32
        Distance from the iris' centre, in its radii.
    """
    index = np.minimum((rho / PROFILE_TO * BINS).astype(int), BINS - 1)
    known = (sure > 0.9) & (rho < PROFILE_TO)
    counts = np.bincount(index[known], minlength=BINS).astype(np.float32)
    profile = np.zeros((BINS, 3), np.float32)
    for k in range(3):
        profile[:, k] = np.bincount(index[known], bare[..., k][known], minlength=BINS)
    if counts.sum() == 0:
        return np.full_like(bare, 40.0)
    have = counts > 0
    profile[have] /= counts[have, None]
    for k in range(3):
        profile[:, k] = np.interp(np.arange(BINS), np.flatnonzero(have), profile[have, k])
    at = np.clip(rho / PROFILE_TO * BINS - 0.5, 0, BINS - 1.001)
    low = at.astype(int)
    share = (at - low)[..., None]
    return profile[low] * (1 - share) + profile[np.minimum(low + 1, BINS - 1)] * share
