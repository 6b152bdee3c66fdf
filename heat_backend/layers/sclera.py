# SPDX-License-Identifier: GPL-3.0-or-later
"""The white of an eye as it continues under the lids: tinted and lit as the photo shows it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.fill import pull_push

PURE_SHARE = 0.3  # of the samples: those with the least of the lids' and the iris' colour
LIT_FROM = 50  # percentile of light from which a sample is not in the lashes' shadow
EVENNESS = 0.75  # how far the fill is evened out to the light of the bare sclera
FINE = 0.05  # eye widths: coarser features than this are shading, finer ones are veins
LEAST_SAMPLES = 8
BRIGHTEST = 240.0
LEVEL = 75  # percentile of the white's light that is bare sclera


def sclera_fill(
    bare: NDArray[np.float32],
    mask: NDArray[np.float32],
    sure: NDArray[np.float32],
    rho: NDArray[np.float32],
    eye_width: float,
    tint: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """White of the eye everywhere, with the photo's own fine detail where it shows it.

    Parameters
    ----------
    bare : ndarray, shape (H, W, 3), float32
        0..255, without the lids' shadow.
    mask, sure : ndarray, shape (H, W), float32
        The opening, and where the photo surely shows the eyeball.
    rho : ndarray, shape (H, W), float32
        Distance from the iris' centre, in its radii.
    eye_width : float
        Pixels.
    tint : ndarray, shape (3,), float32
        The other eye's, to be used instead of the own.

    Returns
    -------
    fill : ndarray, shape (H, W, 3), float32
    tint : ndarray, shape (3,), float32
        Its colour over its mean; None where the photo shows none of it.
    """
    known = _known(sure, rho)
    light = bare.mean(axis=2)
    if known.sum() < LEAST_SAMPLES:
        colour = np.ones(3, np.float32) if tint is None else tint
        return np.full_like(bare, colour * min(float(np.median(light)), BRIGHTEST)), None
    tint = _pure_tint(bare[known > 0.5]) if tint is None else tint
    # What is surely white may lie in the iris' or a lash's shadow, what only may be, on a rim.
    white = light[(mask > 0.9) & (rho > 1.1)]
    surely = light[known > 0.5]
    lights = [float(np.percentile(part, LEVEL)) for part in (white, surely) if part.size]
    base = min(float(np.mean(lights)), BRIGHTEST)
    # Bright pixels are bare sclera, dark ones lie in the shadow of lashes.
    weight = known * np.clip(light / float(light[known > 0].max()), 0.0, 1.0) ** 3
    level = pull_push(light[..., None], weight.astype(np.float32))
    level = np.asarray(level, np.float32).reshape(light.shape)
    level = cv2.GaussianBlur(level, (0, 0), max(0.8, FINE * eye_width))
    shading = np.clip(level / base, 0.3, 1.3) ** (1.0 - EVENNESS)
    detail = light - cv2.GaussianBlur(light, (0, 0), max(0.8, FINE * eye_width))
    own = cv2.GaussianBlur(known, (0, 0), max(0.6, 0.02 * eye_width))
    veins = np.clip(detail, -12.0, 6.0) * own * (known > 0)
    return np.asarray(tint * (base * shading + veins)[..., None], np.float32), tint


def _known(sure: NDArray[np.float32], rho: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where the photo shows white, nearer to the iris if there is little of it."""
    for inner in (1.15, 1.05, 0.95):
        known = (sure * (rho > inner)).astype(np.float32)
        if known.sum() >= LEAST_SAMPLES:
            break
    return known


def _pure_tint(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tint of the sclera itself among samples (N, 3) that lids and iris tinge."""
    light = samples.mean(axis=1)
    lit = samples[light >= np.percentile(light, LIT_FROM)]
    tinge = np.ptp(lit, axis=1) / np.maximum(lit.max(axis=1), 1.0)
    pure = lit[tinge <= np.percentile(tinge, 100 * PURE_SHARE)]
    colour = np.median(pure, axis=0)
    # Noise of a few grey pixels easily turns blue, which no white of an eye is.
    colour[2] = min(colour[2], max(colour[0], colour[1]))
    return np.asarray(colour / max(1.0, float(colour.mean())), np.float32)
