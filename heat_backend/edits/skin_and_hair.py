# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin and hair of a photo's foreground, by their colours where the face shows them.

Nothing is learnt: the face tells the skin's colours, what is above it the hair's, and each pixel
that may be either goes to the nearer ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.edits.light import GAMMA
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import FACE_OVAL
from heat_backend.geometry.polygon_mask import triangle_mask

Mask = NDArray[np.float32]

# All tuned by eye on the test portraits.
CHIN_LEVEL = -1.9  # outer-eye distances over the top of the face
LIKELY, UNLIKELY = 2.6, 5.0  # robust standard deviations of the skin's colour
EARS_BELOW = 0.75  # height in the neutral model: higher up a head has hair
CLUSTERS = 3  # colours of hair, and of skin: in light, in shade, and between
SAMPLES = 3000  # pixels clustered: more changes nothing but the time
BAND = 0.12, 1.1  # outer-eye distances above the face between which hair is looked for
LEAST_HAIR = 0.08  # square outer-eye distances: with less above the brows a head is bald
HAIR_LIKELY, HAIR_UNLIKELY = 14.0, 30.0  # Lab distances from the hair's colours
STRANDS = np.array((0.6, 1.0, 1.0), np.float32)  # light varies most along strands
LONGEST, WIDEST = 5.0, 2.2  # outer-eye distances to which hair hangs
PERSON_FROM = 0.9  # opacity of a pixel that shows no background
LIKE_SKIN = 25.0  # Lab distance: a colour that is nearer and as bright is bare skin
SHADED_SKIN, STILL_LIT = 9.0, 0.8  # Lab distance, and share of the skin's light
FOREHEAD = 0.55  # half its width, outer-eye distances
TOLD_APART = 30.0  # Lab distance of hair and skin from which a forehead shows where hair begins
TORSO, TORSO_WIDTH = -2.6, 0.5  # height under the hairline, and half a width


@dataclass(frozen=True)
class FacePhoto:
    """A photo and what is fitted to its face.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    lab : ndarray, shape (H, W, 3), float32
    alpha : ndarray, shape (H, W), float32
    face : FaceLandmarks
    model : FaceModel
    posed : PosedModel
    """

    pixels: NDArray[np.uint8]
    lab: NDArray[np.float32]
    alpha: Mask
    face: FaceLandmarks
    model: FaceModel
    posed: PosedModel

    def covered(self, *parts: str, below: float = np.inf) -> Mask:
        """1 where parts of the posed model cover the picture, up to a height of the neutral."""
        model = self.model
        wanted = np.isin(model.triangle_part, [PART_NAMES.index(part) for part in parts])
        wanted &= model.vertices[model.triangles, 1].mean(axis=1) < below
        covered = triangle_mask(self.posed.pixels, model.triangles[wanted], self.alpha.shape)
        return covered.astype(np.float32)

    def face_coordinates(self) -> tuple[Mask, Mask, Mask]:
        """Heights (H, W) over the top of the face and over the brows, and distance from its axis.

        Outer-eye distances, along the face's upright axis.
        """
        points = self.face.points[:, :2]
        unit = self.face.outer_eye_distance
        up = points[10] - points[152]
        up = up / max(float(np.hypot(*up)), 1e-6)
        v, u = np.mgrid[0 : self.alpha.shape[0], 0 : self.alpha.shape[1]].astype(np.float32)
        x, y = (u - points[10, 0]) / unit, (v - points[10, 1]) / unit
        height = x * up[0] + y * up[1]
        brow = points[[105, 334]].mean(axis=0) - points[10]
        over_brows = height - float(brow @ up) / unit
        return height, over_brows, np.abs(x * up[1] - y * up[0])


def smoothed(mask: Mask, radius: int) -> Mask:
    """Smooth a mask (H, W) by two box filters of ``2 radius + 1`` pixels."""
    size = (2 * radius + 1, 2 * radius + 1)
    once = cv2.blur(np.asarray(mask, np.float32), size, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.blur(once, size, borderType=cv2.BORDER_REFLECT), np.float32)


def _chromaticity(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Log ratios of linear channels, which light and shadow leave alone, and log light."""
    logs = np.log((pixels.astype(np.float32) / 255.0) ** GAMMA + 0.003)
    return np.dstack(
        [logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1], 0.35 * logs.mean(axis=2)]
    )


def skin_likelihood(view: FacePhoto, other: Mask) -> Mask:
    """Likelihood (H, W), 0..1, by which pixels have the colour of the face's skin.

    ``other`` (H, W) masks lips and eyes.
    """
    on_face = view.covered("face")
    elsewhere = np.maximum(view.covered("neck"), view.covered("head", below=EARS_BELOW))
    disc = np.ones((2 * max(1, round(0.06 * view.posed.unit)) + 1,) * 2, np.uint8)
    sure = (cv2.erode(on_face, disc) > 0) & (other < 0.05) & (view.alpha > 0.95)
    if sure.sum() < 50:
        return on_face
    colour = _chromaticity(view.pixels)
    seen = colour[sure]
    middle = np.median(seen, axis=0)
    spread = 1.4826 * np.median(np.abs(seen - middle), axis=0) + np.float32(0.03)
    off = np.abs(colour - middle) / spread
    # A shadow on skin is darker and stays skin; hair is darker and of another colour.
    darker = np.maximum(0.0, middle[2] - colour[..., 2]) / spread[2]
    distance = np.sqrt(off[..., 0] ** 2 + off[..., 1] ** 2 + (0.6 * darker) ** 2)
    tight = np.clip((UNLIKELY - distance) / (UNLIKELY - LIKELY), 0.0, 1.0)
    loose = np.clip((1.6 * UNLIKELY - distance) / UNLIKELY, 0.0, 1.0)
    neck = view.posed.pixels[view.model.vertex_part == PART_NAMES.index("neck"), 1].min()
    below = (np.arange(len(on_face))[:, None] > neck) * 1.0
    found = np.maximum(on_face * loose, np.maximum(elsewhere, below) * tight)
    # Clothes may have its colour: skin is connected with the face.
    return _joined(found.astype(np.float32), sure)


def _clusters(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    sample = np.ascontiguousarray(colours[:: max(1, len(colours) // SAMPLES)], np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    cv2.setRNGSeed(1)
    count = min(CLUSTERS, len(sample))
    start = np.zeros((len(sample), 1), np.int32)
    centres = cv2.kmeans(sample, count, start, criteria, 2, cv2.KMEANS_PP_CENTERS)[2]
    return np.asarray(centres, np.float32)


def _nearest(lab: NDArray[np.float32], centres: NDArray[np.float32]) -> Mask:
    far = [np.linalg.norm((lab - centre) * STRANDS, axis=2) for centre in centres]
    return np.asarray(np.min(far, axis=0), np.float32)


def hair_samples(view: FacePhoto, skin: Mask) -> NDArray[np.float32] | None:
    """Colours (C, 3) of what is above and beside the brow and is no skin; None for a bald head."""
    height, over_brows, aside = view.face_coordinates()
    above = (height > BAND[0]) & (height < BAND[1]) & (aside < 1.1)
    temples = (over_brows > 0.1) & (height < BAND[1]) & (aside < 1.1) & (view.covered("face") < 1.0)
    seen = view.lab[(above | temples) & (view.alpha > PERSON_FROM) & (skin < 0.3)]
    if len(seen) < max(30.0, LEAST_HAIR * view.face.outer_eye_distance**2):
        return None
    found = _clusters(seen)
    own = view.lab[(skin > 0.8) & (view.covered("face") > 0)]
    if len(own) < 50:
        return found
    # A high forehead is above the model's face, too.
    bare, middle = _clusters(own), np.median(own[:, 0])
    apart = np.array([np.linalg.norm(bare - colour, axis=1).min() for colour in found])
    alike = np.array([np.linalg.norm((bare - c) * STRANDS, axis=1).min() for c in found])
    shaded = (alike < SHADED_SKIN) & (found[:, 0] > STILL_LIT * middle)
    hair = found[((apart > LIKE_SKIN) | (found[:, 0] < middle)) & ~shaded]
    return hair if len(hair) else None


def without_hair(view: FacePhoto, skin: Mask, hair: NDArray[np.float32] | None) -> Mask:
    """Take from the skin, off the face, what is nearer to the hair's colours."""
    sure = view.lab[(skin > 0.8) & (view.covered("face") > 0)]
    if hair is None or len(sure) < 50:
        return skin
    own, other = _nearest(view.lab, _clusters(sure)), _nearest(view.lab, hair)
    share = np.clip((other / np.maximum(own + other, 1e-3) - 0.45) / 0.15, 0.0, 1.0)
    inner = cv2.GaussianBlur(view.covered("face"), (0, 0), max(0.7, 0.04 * view.posed.unit))
    _, over_brows, _ = view.face_coordinates()
    kept = np.where(over_brows > 0.15, 0.5 * inner, inner)  # a fringe hangs over the face
    found = np.asarray(skin * np.maximum(share, kept), np.float32)
    scalp = view.covered("head") * (over_brows > 0.15) * (own < HAIR_UNLIKELY)
    scalp *= view.lab[..., 0] > np.median(sure[:, 0])  # a high forehead has light on it
    bald = scalp * np.clip((share - 0.3) / 0.4, 0.0, 1.0) * view.alpha
    return np.maximum(found, _joined(np.maximum(found, bald).astype(np.float32), skin > 0.8))


def hair_mask(
    view: FacePhoto,
    skin: Mask,
    hair: NDArray[np.float32] | None,
    corrections: Corrections = ALL_CORRECTIONS,
) -> Mask:
    """Pixels (H, W) of the person that look like hair and are connected with that on the head."""
    if hair is None:
        return np.zeros_like(view.alpha)
    height, over_brows, aside = view.face_coordinates()
    far = _nearest(view.lab, hair)
    likely = np.clip((HAIR_UNLIKELY - far) / (HAIR_UNLIKELY - HAIR_LIKELY), 0.0, 1.0)
    likely = likely * (1.0 - np.clip(1.5 * skin, 0.0, 1.0)) * view.alpha
    # On the face only above the brows: below there are beards, lashes and shadows.
    likely *= np.where((view.covered("face") > 0) & (over_brows < 0.1), 0.0, 1.0)
    bared = np.ones_like(likely)
    bare = view.lab[(skin > 0.8) & (view.covered("face") > 0)]
    if len(bare) >= 50:  # skin in shadow is no skin by its light, and still no hair
        own = _nearest(view.lab, _clusters(bare))
        clear = np.clip((own / np.maximum(own + far, 1e-3) - 0.5) / 0.12, 0.0, 1.0)
        likely *= np.where(view.covered("neck") > 0, clear, 1.0)
        hairy = own[likely > 0.9]  # fair hair is as tan as skin
        if len(hairy) and np.median(hairy) > TOLD_APART:
            forehead = view.covered("face", "head") * (over_brows > 0.1) * (aside < FOREHEAD)
            bared = np.where(forehead > 0, clear, 1.0)
    likely *= _not_worn(view, far, height, aside)
    seed = (over_brows > 0.1) & (height < BAND[1]) & (aside < 1.1) & (view.alpha > PERSON_FROM)
    likely = _joined(likely.astype(np.float32), seed) * bared
    if corrections.hair_border and len(bare) >= 50:
        likely = cut_hair(view, likely.astype(np.float32), skin, far, own)
    reach = np.clip((LONGEST + height) / 1.0, 0.0, 1.0) * np.clip((WIDEST - aside) / 0.4, 0.0, 1.0)
    radius = max(2, round(0.04 * view.face.outer_eye_distance))
    found = smoothed(np.asarray(likely * reach, np.float32), radius)
    return np.asarray(found * view.alpha, np.float32)


def _not_worn(view: FacePhoto, far: Mask, height: Mask, aside: Mask) -> Mask:
    """1 where a pixel (H, W) below the chin is nearer to the hair's colours than to clothes'."""
    below = height < TORSO
    seen = view.lab[below & (aside < TORSO_WIDTH) & (view.alpha > PERSON_FROM)]
    if len(seen) < 50:
        return np.ones_like(far)
    worn = _nearest(view.lab, _clusters(seen))
    share = np.clip((worn / np.maximum(worn + far, 1e-3) - 0.45) / 0.1, 0.0, 1.0)
    blend = np.clip((CHIN_LEVEL - height) / 0.4, 0.0, 1.0)
    return np.asarray(1.0 - blend * (1.0 - share), np.float32)


def _joined(likely: Mask, seed: NDArray[np.bool_]) -> Mask:
    """Keep only what is connected with the seed."""
    count, labels = cv2.connectedComponents((likely > 0.4).astype(np.uint8))
    if count < 2:
        return likely
    touched = np.unique(labels[seed & (labels > 0)])
    kept = np.isin(labels, touched[touched > 0]).astype(np.uint8)
    near = cv2.dilate(kept, np.ones((5, 5), np.uint8))
    return np.asarray(likely * near, np.float32)


UNIT, LONGEST_SIDE = 110.0, 480.0  # pixels of the outer-eye distance and of the picture cut
ROUNDS = 4
MAYBE, SURE = 0.75, 0.45  # distance from hair's colours over that from skin's
CROWN = 0.55  # outer-eye distances above the face where only hair is
OVER = 0.3  # outer-eye distances over the face from which colour alone decides
BROWS = 0.08  # outer-eye distances over the brows below which the face has no hair
BORDER = 0.22  # outer-eye distances around the face where the cut decides alone
LOWEST, WIDEST_CUT = -4.5, 2.4  # outer-eye distances: how far below and aside hair is cut


def cut_hair(view: FacePhoto, found: Mask, skin: Mask, far: Mask, own: Mask) -> Mask:
    """Return hair (H, W), 0..1, with its border on the photo's edges.

    Parameters
    ----------
    view : FacePhoto
    found : ndarray, shape (H, W)
        Hair by its colours.
    skin : ndarray, shape (H, W)
    far, own : ndarray, shape (H, W)
        Distance from the hair's and from the skin's colours.
    """
    shape, unit = view.alpha.shape, view.face.outer_eye_distance
    scale = min(1.0, UNIT / unit, LONGEST_SIDE / max(shape))
    size = max(2, round(shape[1] * scale)), max(2, round(shape[0] * scale))

    def small(field: NDArray) -> Mask:
        return cv2.resize(np.asarray(field, np.float32), size, interpolation=cv2.INTER_AREA)

    height, over_brows, aside = (small(field) for field in view.face_coordinates())
    head = (small(view.alpha) > 0.5) & (height > LOWEST) & (aside < WIDEST_CUT)
    face = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(face, [np.rint(view.face.points[FACE_OVAL, :2] * scale).astype(np.int32)], 1)
    hair, near, away = small(found), small(far), small(own)
    trimap = np.full(head.shape, cv2.GC_PR_BGD, np.uint8)
    trimap[(hair > 0.5) & (near < MAYBE * away)] = cv2.GC_PR_FGD
    outside = small(view.covered("face")) < 0.5
    trimap[(hair > 0.8) & outside & ((near < SURE * away) | (height > CROWN))] = cv2.GC_FGD
    inner = cv2.erode(face, _disc(0.05 * unit * scale)) > 0
    bare = (face > 0) & (over_brows < BROWS) | inner & (small(skin) > 0.9)
    shown = bare & head
    # Under the chin are shadows and clothes: there the cut adds nothing.
    under = (small(view.covered("neck")) > 0.5) | (height < CHIN_LEVEL)
    trimap[bare | ~head | (under & (hair < 0.25))] = cv2.GC_BGD
    if not (trimap == cv2.GC_FGD).any() or not shown.any():
        return found
    seen = cv2.resize(view.pixels, size, interpolation=cv2.INTER_AREA)
    seen[~head] = np.median(seen[shown], axis=0)  # keeps the background out of the colour models
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(seen, trimap, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut = ((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)).astype(np.float32)
    around = cv2.dilate(face, _disc(BORDER * unit * scale)) > 0
    loose = np.maximum(cut, hair * ((near < away) | (height > OVER)))
    cut = np.where(around & (height <= OVER), cut, loose)
    whole = cv2.resize(cut.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, np.float32)


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)


FINE, COARSE = 0.03, 0.15  # outer-eye distances: pores are finer, shading is coarser
MOST = 24.0  # levels: more is a feature of the face
PER_STEP = 1.0 / 3.0  # share of the unevenness that one step of the edit takes away
SHADE_SHARE = 0.6  # of differences in light, which may be relief


def unevenness(
    pixels: NDArray[np.uint8], skin: NDArray[np.float32], unit: float
) -> NDArray[np.int8]:
    """Return what one step of evenness adds (H, W, 3), in quarters of a level.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    skin : ndarray, shape (H, W), float32
    unit : float
        Outer-eye distance, pixels.
    """
    core = cv2.erode(skin, np.ones((2 * max(1, round(0.03 * unit)) + 1,) * 2, np.uint8))
    colour = pixels.astype(np.float32)
    band = _blurred(colour, skin, FINE * unit) - _blurred(colour, skin, COARSE * unit)
    grey = band.mean(axis=2, keepdims=True)
    band = (band - grey) + SHADE_SHARE * grey
    band = band * np.exp(-((grey / MOST) ** 2))
    step = -PER_STEP * band * cv2.GaussianBlur(core, (0, 0), max(0.7, 0.03 * unit))[..., None]
    return np.rint(np.clip(4.0 * step * skin[..., None], -127, 127)).astype(np.int8)


def _blurred(
    colour: NDArray[np.float32], weight: NDArray[np.float32], sigma: float
) -> NDArray[np.float32]:
    """Gaussian blur of colours normalised by a weight: of the skin alone."""
    sigma = max(0.7, sigma)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    summed = cv2.GaussianBlur(colour * weight[..., None], (0, 0), sigma)
    return np.asarray(summed / np.maximum(total, 1e-3), np.float32)
