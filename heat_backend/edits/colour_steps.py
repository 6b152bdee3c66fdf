# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour edits as steps of a region's mean colour, and the affine map that takes pixels along.

Steps are in CIE L*a*b* (D65), where a distance is about as large as it looks. A pixel keeps its
difference from the region's mean, so that pores, strands and stubble stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BRIGHTEST = 252.0  # sRGB level: a mean at white would leave no room for what is brighter
DARKEST_MEAN = 4.0  # sRGB level: a gain on a darker mean would amplify noise
MOST_CONTRAST = 1.5  # of a brightened region over before; tuned by eye on the test portraits
DYE = 0.7  # power of the lightness with which the chroma of hair goes; tuned by eye


@dataclass(frozen=True)
class ColourStep:
    """What one step of an edit adds.

    Attributes
    ----------
    region : str
    lab : tuple of float
        Added to L*, a*, b*.
    hue : float
        Degrees.
    chroma : float
        Share of the chroma added.
    dye : bool
        Darker is also less colourful, as hair is.
    """

    region: str
    lab: tuple[float, float, float] = (0.0, 0.0, 0.0)
    hue: float = 0.0
    chroma: float = 0.0
    dye: bool = False


# Tuned by eye on the test portraits: a step is plain to see, and three steps still look real.
STEPS: dict[str, ColourStep] = {
    "skin_tone": ColourStep("complexion", (5.0, 0.0, 0.0)),
    "skin_warmth": ColourStep("complexion", (0.0, 0.5, 3.5)),
    "blush": ColourStep("blush", (-1.0, 6.0, 1.0)),
    "lip_colour": ColourStep("lips", hue=9.0),
    "lip_saturation": ColourStep("lips", chroma=0.16),
    "eye_colour": ColourStep("irises", hue=60.0),
    "brow_darkness": ColourStep("brows", (-6.0, 0.0, 0.0), dye=True),
    "under_eye": ColourStep("under_eye", (-4.0, 1.0, -1.5)),
    "teeth_whiteness": ColourStep("teeth", (3.0, -0.5, -4.0)),
    "hair_lightness": ColourStep("hair", (7.0, 0.0, 0.0), dye=True),
    "hair_hue": ColourStep("hair", hue=60.0),
}


def to_lab(rgb: NDArray[np.floating]) -> Floats:
    """Return L*, a*, b* of sRGB colours (..., 3), 0..255."""
    flat = np.asarray(rgb, np.float32).reshape(1, -1, 3) / np.float32(255.0)
    found = cv2.cvtColor(flat, cv2.COLOR_RGB2LAB)
    return np.asarray(found.reshape(np.shape(rgb)), np.float64)


def to_rgb(lab: NDArray[np.floating]) -> Floats:
    """Return sRGB colours (..., 3), 0..255, nearest in the gamut of the channels."""
    flat = np.asarray(lab, np.float32).reshape(1, -1, 3)
    found = np.clip(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), 0.0, 1.0) * 255.0
    return np.asarray(found.reshape(np.shape(lab)), np.float64)


def target_lab(mean: Floats, edits: Mapping[str, float], region: str) -> Floats:
    """Mean colour (3,) L*a*b* that a region of mean colour ``mean`` is to get."""
    target = mean.copy()
    turn, chroma = 0.0, 1.0
    for name, value in edits.items():
        step = STEPS.get(name)
        if step is None or step.region != region:
            continue
        target += value * np.asarray(step.lab)
        turn += np.radians(value * step.hue)
        chroma *= max(0.0, 1.0 + value * step.chroma)
        if step.dye:
            chroma *= (max(target[0], 1.0) / max(mean[0], 1.0)) ** DYE
    c, s = np.cos(turn) * chroma, np.sin(turn) * chroma
    target[1:] = (c * target[1] - s * target[2], s * target[1] + c * target[2])
    target[0] = np.clip(target[0], 1.0, 99.0)
    return target


def affine(mean: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Slope and offset (3,) that bring a region's mean colour to another, both sRGB, 0..255.

    Darker colours are dimmed, as by less light or more dye. Lighter ones lie between more light and
    a veil of white: the first alone would burn out highlights, the second alone wash out detail.
    """
    mean = np.maximum(mean, DARKEST_MEAN)
    target = np.clip(target, 1.0, BRIGHTEST)
    gain = target / mean
    veil = (255.0 - target) / np.maximum(255.0 - mean, DARKEST_MEAN)
    slope = np.where(gain <= 1.0, gain, 0.5 * (np.minimum(gain, MOST_CONTRAST) + veil))
    return slope, target - slope * mean
