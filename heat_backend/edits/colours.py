# SPDX-License-Identifier: GPL-3.0-or-later
"""What each colour edit does to the mean colour of its region, and to every pixel of it.

Steps are in CIE L*a*b* (D65), where a distance is about as large as it looks. A pixel keeps its
difference from the region's mean: pores, strands and stubble stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.edits import EDIT_BY_NAME, LIGHT
from heat_backend.edits.light import STEP, LitHead
from heat_backend.edits.repaint import Canvas, Recipe, Region, around, recoloured, repainted
from heat_backend.layers.eyeballs import EyeLayer
from heat_backend.layers.lid_cover import LidCover
from heat_backend.layers.mouth_interior import MouthLayer

Floats = NDArray[np.float64]

BRIGHTEST = 252.0
MOST_CONTRAST = 1.5
DYE = 0.7  # power of the lightness with which the chroma of hair goes


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
    mean = np.maximum(mean, 4.0)
    target = np.clip(target, 1.0, BRIGHTEST)
    gain = target / mean
    veil = (255.0 - target) / np.maximum(255.0 - mean, 4.0)
    slope = np.where(gain <= 1.0, gain, 0.5 * (np.minimum(gain, MOST_CONTRAST) + veil))
    return slope, target - slope * mean


IRIS_SOFT = 0.12  # of the iris' radius
TEETH_LIGHT = 0.55  # of the brightest inside
TEETH_TINT = 0.5  # spread of the channels over lightness: more is lip, gum or tongue
LEAST_TEETH = 20.0  # pixels
EVENNESS = "skin_evenness"
NO_TEETH = "the photo shows no teeth: teeth_whiteness is seen only where the mouth opens"
NO_HAIR = "no hair was found above the face: hair edits do nothing"
SHUT = "the eyes are shut in the photo: eye_colour does nothing until they open"


@dataclass(frozen=True)
class ColourBase:
    """What of a portrait colour edits start from.

    Attributes
    ----------
    person : ndarray, shape (H', W', 4), uint8
        Premultiplied, with all that is kept beside and below the photo.
    photo : ndarray, shape (H, W, 3), uint8
    pad : int
    regions : tuple of str
    canvas : Canvas
        The person laid out, with the masks of the regions.
    lids : dict of str to Canvas
        The skin that either closing lid draws out.
    means : dict of str to ndarray, shape (3,)
        Mean colour of each region, sRGB, 0..255; regions that are not there are missing.
    heads : tuple of LitHead
        The head as photographed; and where there is a far side, which is the near side's skin, seen
        in a mirror.
    irises : dict of str to ndarray, shape (h, w)
        1 on the iris of each eye's texture.
    teeth : ndarray, shape (N,)
        1 at the mouth's vertices that are teeth.
    own_teeth : ndarray, shape (h, w), or None
        1 where the photo shows teeth between its lips; None where it shows none.
    mouth_at : tuple of float
        Middle of the lips in the photo, pixels.
    shut : bool
        No iris is seen.
    """

    person: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    pad: int
    regions: tuple[str, ...]
    canvas: Canvas
    lids: dict[str, Canvas]
    means: dict[str, NDArray[np.float64]]
    heads: tuple[LitHead, ...]
    irises: dict[str, NDArray[np.float32]]
    teeth: NDArray[np.float32]
    own_teeth: NDArray[np.float32] | None
    mouth_at: tuple[float, float]
    shut: bool

    def mask(self, region: str) -> NDArray[np.uint8]:
        """Return a region's mask (H, W) over the photo."""
        height, width = self.photo.shape[:2]
        rows, columns = slice(self.pad, self.pad + height), slice(self.pad, self.pad + width)
        return self.canvas.masks[self.regions.index(region), rows, columns]


@dataclass(frozen=True)
class Coloured:
    """Pictures with edits applied."""

    base: ColourBase
    edits: Mapping[str, float]
    recipe: Recipe
    person: NDArray[np.uint8]

    def around(self, region: Region) -> NDArray[np.uint8]:
        """Return the photo (H, W, 4) where nothing moves: outside a region of the frame."""
        base = self.base
        return around(base.photo, base.person, self.person, base.pad, region)

    def lid(self, side: str, lid: LidCover) -> LidCover:
        """Return the skin that a closing lid draws out, with its new colours."""
        skin = repainted(self.base.lids[side], self.recipe)[..., :3]
        return replace(lid, skin=np.ascontiguousarray(skin))

    def _lit(self, x: float, y: float) -> float:
        """Factor on the light at a place of the photo."""
        change = self.recipe.light
        if change is None:
            return 1.0
        height, width = change.shape[1:]
        x, y = x / STEP, y / STEP
        return float(change[0, int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))])

    def eye(self, side: str, eye: EyeLayer) -> EyeLayer:
        """One eye with the iris' new colour, in the new light."""
        lit = self._lit(*eye.center_px)
        slope, offset = np.ones(3, np.float32), np.zeros(3, np.float32)
        own, inside = f"iris {side}", self.base.irises[side]
        if "eye_colour" in self.edits and own in self.base.means:
            slope, offset = _affine(self.base.means[own], self.edits, "irises")
        return replace(
            eye,
            texture=recoloured(eye.texture, inside, slope, offset, lit),
            clean=recoloured(eye.clean, inside, slope, offset, lit),
            lash=(eye.lash * np.float32(lit)).astype(np.float32),
        )

    def mouth(self, mouth: MouthLayer) -> MouthLayer:
        """Return the mouth with its teeth's and lips' new colours, in the new light."""
        look, out, own = mouth.look.copy(), mouth.look_out.copy(), mouth.photographed
        if "teeth_whiteness" in self.edits:
            teeth, seen = self.base.teeth[:, None], self.base.own_teeth
            if teeth.any():
                mean = look[teeth[:, 0] > 0.5, :3].mean(axis=0)
                slope, offset = _affine(mean, self.edits, "teeth")
                for part in (look[:, :3], out):
                    part += teeth * ((slope - 1.0) * part + offset)
            if own is not None and seen is not None:
                slope, offset = _affine(self.base.means["teeth"], self.edits, "teeth")
                changed = seen[..., None] * ((slope - 1.0) * own.photo + offset)
                own = replace(own, photo=(own.photo + changed).astype(np.float32))
        if "lips" in self.base.means and any(_touches(name, "lips") for name in self.edits):
            slope, offset = _affine(self.base.means["lips"], self.edits, "lips")
            lining = mouth.look[:, 4:5]
            for part in (look[:, :3], out):
                part += lining * ((slope - 1.0) * part + offset)
        lit = np.float32(self._lit(*self.base.mouth_at))
        look[:, :3] *= lit
        if own is not None:
            own = replace(own, photo=own.photo * lit)
        return replace(
            mouth,
            look=np.clip(look, 0.0, 255.0).astype(np.float32),
            look_out=np.clip(out * lit, 0.0, 255.0).astype(np.float32),
            photographed=own,
        )


class ColourEditor:
    """Repaints a portrait's pictures; see :class:`ColourBase`."""

    def __init__(self, base: ColourBase) -> None:
        self.base = base

    def skipped(self, edits: Mapping[str, float]) -> tuple[str, ...]:
        """Lines about edits that find nothing to change in this photo."""
        told = []
        if any(_touches(name, "hair") for name in edits) and "hair" not in self.base.means:
            told.append(NO_HAIR)
        if "teeth_whiteness" in edits and "teeth" not in self.base.means:
            told.append(NO_TEETH)
        if "eye_colour" in edits and self.base.shut:
            told.append(SHUT)
        return tuple(told)

    def coloured(self, edits: Mapping[str, float]) -> Coloured:
        """Apply texture and light edits."""
        base = self.base
        slope = np.ones((len(base.regions), 3), np.float32)
        offset = np.zeros((len(base.regions), 3), np.float32)
        for k, region in enumerate(base.regions):
            if region in base.means and any(_touches(name, region) for name in edits):
                slope[k], offset[k] = _affine(base.means[region], edits, region)
        lit = any(EDIT_BY_NAME[name].group == LIGHT for name in edits)
        light = np.stack([head.change(edits) for head in base.heads]) if lit else None
        recipe = Recipe(slope, offset, edits.get(EVENNESS, 0.0), light)
        return Coloured(base, edits, recipe, repainted(base.canvas, recipe))


def laid_out(field: NDArray, layout: NDArray, parts: NDArray | None = None) -> NDArray:
    """Bring a picture of the photo's size to the layout of the person (H', W')."""
    return np.asarray(
        cv2.remap(field, layout, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )


def iris_mask(eye: EyeLayer) -> NDArray[np.float32]:
    """1 on the iris, soft at its edge, 0 on the pupil's black as on the white; (h, w)."""
    h, w = eye.texture.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    away = np.hypot(x + eye.left - eye.iris_px[0], y + eye.top - eye.iris_px[1])
    radius = max(eye.iris_radius_px, 1.0)
    return np.clip((1.0 - away / radius) / IRIS_SOFT + 0.5, 0.0, 1.0).astype(np.float32)


def mouth_teeth(mouth: MouthLayer) -> NDArray[np.float32]:
    """1 at the mouth's vertices (N,) that have the colour of teeth."""
    colour = mouth.look[:, :3]
    light = colour.mean(axis=1)
    tint = np.ptp(colour, axis=1)
    inside = (mouth.look[:, 3] < 0.5) & (mouth.look[:, 4] < 0.1)
    bright = light > TEETH_LIGHT * np.percentile(light[inside], 98) if inside.any() else inside
    white = tint < TEETH_TINT * np.maximum(light, 1.0)
    return (inside & bright & white).astype(np.float32)


def own_teeth(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much a pixel (h, w) between the photo's lips is tooth."""
    light = photo.mean(axis=2)
    tint = np.ptp(photo, axis=2) / np.maximum(light, 1.0)
    bright = np.clip((light / max(float(np.percentile(light, 98)), 1.0) - 0.45) / 0.2, 0.0, 1.0)
    white = np.clip((TEETH_TINT - tint) / 0.15, 0.0, 1.0)
    return np.asarray(cv2.GaussianBlur(bright * white, (0, 0), 0.8), np.float32)


def _touches(name: str, region: str) -> bool:
    return name in STEPS and STEPS[name].region == region


def _affine(
    mean: NDArray[np.floating], edits: Mapping[str, float], region: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and offset (3,) of a region's colours."""
    target = to_rgb(target_lab(to_lab(mean), edits, region))
    slope, offset = affine(np.asarray(mean, np.float64), target)
    return slope.astype(np.float32), offset.astype(np.float32)
