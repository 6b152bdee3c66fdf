# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour and light edits of a portrait: where its regions are, and what edits make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.edits import EDIT_BY_NAME, LIGHT
from bridge.face_model import FaceModel
from bridge.face_model import load as load_model
from heat_backend.edits.colour_steps import STEPS, affine, target_lab, to_lab, to_rgb
from heat_backend.edits.light import (
    LIGHT_CELL,
    LitHead,
    fade_from_head,
    fit_light,
    light_share,
    photo_normals,
)
from heat_backend.edits.regions import find_regions
from heat_backend.edits.repaint import (
    Recolouring,
    Region,
    RepaintPlanes,
    around,
    lid_planes,
    recoloured,
    repaint_planes,
    repainted,
)
from heat_backend.edits.skin_and_hair import unevenness
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import LIPS_OUTER
from heat_backend.geometry.polygon_mask import polygon_area
from heat_backend.layers.eyeballs import EyeLayer
from heat_backend.layers.lid_cover import LidCover
from heat_backend.layers.matting_layers import MattingLayers
from heat_backend.layers.mirror_texture import MirrorTexture, mirror_image
from heat_backend.layers.mouth_interior import MouthLayer
from heat_backend.layers.portrait_layers import Layers

REGIONS = ("complexion", "lips", "brows", "under_eye", "blush", "hair")
EVENNESS = "skin_evenness"
# All tuned by eye on the test portraits.
LEAST_REGION = 0.002  # square outer-eye distances: less has no mean colour to speak of
CORE = 0.8  # of a mask: whose colours count as the region's
LID_SHADE = 0.08  # eye widths within the lids that their shadow lies on
PARTED = 0.02  # outer-eye distances between lips that show what is behind them
SHUT_BELOW = 0.06  # height over width of an eye's opening
IRIS_SOFT = 0.12  # of the iris' radius, softness of its mask
TEETH_LIGHT = 0.55  # of the brightest inside
TEETH_TINT = 0.5  # spread of the channels over lightness: more is lip, gum or tongue
LEAST_TEETH = 20.0  # pixels
NO_TEETH = "the photo shows no teeth: teeth_whiteness is seen only where the mouth opens"
NO_HAIR = "no hair was found above the face: hair edits do nothing"
SHUT = "the eyes are shut in the photo: eye_colour does nothing until they open"


@dataclass(frozen=True)
class ColourBase:
    """What colour edits of a portrait start from.

    Attributes
    ----------
    foreground : ndarray, shape (H', W', 4), uint8
        Premultiplied RGBA, with all that is kept beside and below the photo.
    photo : ndarray, shape (H, W, 3), uint8
    pad : int
    regions : tuple of str
    planes : RepaintPlanes
        Of the foreground, with the masks of the regions.
    lids : dict of str to RepaintPlanes
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
        1 where the photo shows teeth between its lips; None where there are none.
    mouth_at : tuple of float
        Middle of the lips in the photo, pixels.
    shut : bool
        Both eyes are shut in the photo, so that no iris is seen.
    """

    foreground: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    pad: int
    regions: tuple[str, ...]
    planes: RepaintPlanes
    lids: dict[str, RepaintPlanes]
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
        return self.planes.masks[self.regions.index(region), rows, columns]


def build_colour_base(
    model: FaceModel,
    posed: PosedModel,
    face: FaceLandmarks,
    alpha: NDArray[np.float32],
    layers: Layers,
    far: MirrorTexture | None,
    corrections: Corrections = ALL_CORRECTIONS,
) -> ColourBase:
    """Find a portrait's regions and light; see ``make_editor`` for the parameters."""
    photo, matting = layers.photo, layers.matting
    regions = find_regions(photo, alpha, face, model, posed, corrections)
    layout = foreground_layout(posed, matting, photo.shape, far)
    normals, known = photo_normals(model, posed, photo.shape)
    light = fit_light(photo, normals, regions["skin"])
    head = LitHead(light, normals, fade_from_head(known, posed.unit))
    means = {
        name: photo[mask > CORE * mask.max()].mean(axis=0)
        for name, mask in regions.items()
        if mask.sum() > LEAST_REGION * posed.unit**2
    }
    own = layers.mouth.photographed
    parted = np.hypot(*(face.points[13, :2] - face.points[14, :2])) > PARTED * posed.unit
    seen = photographed_teeth(own.photo) if own is not None and parted else None
    if own is not None and seen is not None and seen.sum() > LEAST_TEETH:
        means["teeth"] = np.average(own.photo.reshape(-1, 3), axis=0, weights=seen.ravel())
    lips = face.points[LIPS_OUTER, :2].mean(axis=0)
    even = unevenness(photo, regions["skin"], posed.unit)
    irises = {side: iris_mask(eye) for side, eye in layers.eyes.items()}
    for side, eye in layers.eyes.items():
        shown = _seen_iris(photo, eye, layers.mesh.eyes[side].outline(layers.mesh.pixels))
        iris = shown if len(shown) else eye.clean[irises[side] > CORE]
        if len(iris):
            means[f"iris {side}"] = iris.mean(axis=0)
    masks = [np.rint(255.0 * regions[name]).astype(np.uint8) for name in REGIONS]
    return ColourBase(
        foreground=matting.foreground,
        photo=photo,
        pad=matting.pad,
        regions=REGIONS,
        planes=repaint_planes(
            matting.foreground,
            np.stack([laid_out(mask, layout) for mask in masks]),
            laid_out(even.astype(np.float32), layout).astype(np.int8),
            light_share(matting.foreground, matting.background, matting.pad),
            layout / np.float32(LIGHT_CELL),
            photo.shape[0] + 2 * matting.pad,
        ),
        lids={side: lid_planes(lid, masks, even) for side, lid in layers.lids.items()},
        means=means,
        heads=(head,) if far is None else (head, head.mirrored(posed.rotation)),
        irises=irises,
        teeth=mouth_teeth(layers.mouth),
        own_teeth=seen if "teeth" in means else None,
        mouth_at=(float(lips[0]), float(lips[1])),
        shut=max(_openness(layers, side) for side in layers.eyes) < SHUT_BELOW,
    )


def _seen_iris(
    photo: NDArray[np.uint8], eye: EyeLayer, outline: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Return the pixels (N, 3) of an iris that the lids do not cover or shade."""
    opening = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.rint(outline).astype(np.int32)], 1)
    reach = 2 * max(1, round(LID_SHADE * eye.width_px)) + 1
    open_ = cv2.erode(opening, np.ones((reach, reach), np.uint8)) > 0
    y, x = np.ogrid[0 : photo.shape[0], 0 : photo.shape[1]]
    away = np.hypot(x - eye.iris_px[0], y - eye.iris_px[1])
    return np.asarray(photo[open_ & (away < CORE * eye.iris_radius_px)])


def _openness(layers: Layers, side: str) -> float:
    """Height over width of one eye's opening in the photo."""
    outline = layers.mesh.eyes[side].outline(layers.mesh.pixels)
    width = max(float(np.ptp(outline[:, 0])), 1.0)
    return polygon_area(outline) / width**2


def foreground_layout(
    posed: PosedModel, matting: MattingLayers, shape: tuple[int, ...], far: MirrorTexture | None
) -> NDArray[np.float32]:
    """Photo place (H', W', 2) of each pixel of the foreground's picture.

    Beyond the photo's borders it is mirrored, save below, where its last row goes on. Under all
    that lies the far side's skin, laid out like the near side seen in a mirror.
    """
    rows, columns = matting.foreground.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x, y = x - matting.pad, y - matting.pad
    y[: shape[0] + 2 * matting.pad] = np.minimum(y[: shape[0] + 2 * matting.pad], shape[0] - 1.0)
    if far is not None:
        top = shape[0] + 2 * matting.pad
        twin = posed.pixels[mirror_image(load_model())[far.vertices]] * (-1.0, 1.0)
        corner = np.median(twin - far.places, axis=0)  # from the picture's places to the mirror's
        x[top:] = -(x[top:] + np.float32(corner[0]))
        y[top:] += np.float32(corner[1])
    return np.ascontiguousarray(np.dstack([x, y]))


@dataclass(frozen=True)
class RecolouredLayers:
    """A portrait's pictures with colour and light edits applied."""

    base: ColourBase
    edits: Mapping[str, float]
    recolouring: Recolouring
    foreground: NDArray[np.uint8]

    def around(self, region: Region) -> NDArray[np.uint8]:
        """Return the photo (H, W, 4) where nothing moves: outside a region of the frame."""
        base = self.base
        return around(base.photo, base.foreground, self.foreground, base.pad, region)

    def lid(self, side: str, lid: LidCover) -> LidCover:
        """Return the skin that a closing lid draws out, with its new colours."""
        skin = repainted(self.base.lids[side], self.recolouring)[..., :3]
        return replace(lid, skin=np.ascontiguousarray(skin))

    def _lit(self, x: float, y: float) -> float:
        """Factor on the colours at a place (x, y) of the photo."""
        change = self.recolouring.light
        if change is None:
            return 1.0
        height, width = change.shape[1:]
        x, y = x / LIGHT_CELL, y / LIGHT_CELL
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

    def notes(self, edits: Mapping[str, float]) -> tuple[str, ...]:
        """Lines about edits that find nothing to change in this photo."""
        missing = []
        if any(_touches(name, "hair") for name in edits) and "hair" not in self.base.means:
            missing.append(NO_HAIR)
        if "teeth_whiteness" in edits and "teeth" not in self.base.means:
            missing.append(NO_TEETH)
        if "eye_colour" in edits and self.base.shut:
            missing.append(SHUT)
        return tuple(missing)

    def recolour(self, edits: Mapping[str, float]) -> RecolouredLayers:
        """Apply texture and light edits."""
        base = self.base
        slope = np.ones((len(base.regions), 3), np.float32)
        offset = np.zeros((len(base.regions), 3), np.float32)
        for k, region in enumerate(base.regions):
            if region in base.means and any(_touches(name, region) for name in edits):
                slope[k], offset[k] = _affine(base.means[region], edits, region)
        lit = any(EDIT_BY_NAME[name].group == LIGHT for name in edits)
        light = np.stack([head.change(edits) for head in base.heads]) if lit else None
        recolouring = Recolouring(slope, offset, edits.get(EVENNESS, 0.0), light)
        return RecolouredLayers(base, edits, recolouring, repainted(base.planes, recolouring))


def laid_out(field: NDArray, layout: NDArray, parts: NDArray | None = None) -> NDArray:
    """Bring a picture of the photo's size to the layout of the foreground (H', W')."""
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


def photographed_teeth(photo: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each pixel (h, w) between the photo's lips is tooth, 0..1."""
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
