# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures of both eyeballs, completed where the photo's lids hide them.

``build_eyes`` takes each eye out of the photo without the lids' shadow, fills its white
(``sclera_fill``) and its iris (``heat_backend.layers.iris``) under the lids, and shares the purer
white's tint between both. Colours are RGB in 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import IRIS_CENTER, IRIS_RING
from heat_backend.geometry.polygon_mask import contact_shade, outline_patch
from heat_backend.layers.inpainting import pull_push
from heat_backend.layers.iris import iris_outline, radial_profile
from heat_backend.layers.portrait_mesh import PortraitMesh

# By eye on the test portraits where no reason is given.
CLEAN_RIM = 0.075  # eye widths: beyond this no pink rim and no lash is left
LIMBUS = 1.12  # iris radii: where nothing of the iris' dark border is left
RIM = 0.035  # eye widths inside the margin: wet rim and lashes, which belong to the lids
SHADE_REACH = 0.10  # eye widths over which the lids' shadow fades
SHADE_LEAST = 0.62  # light left right at the lids
LEAST_RADIUS = 0.46  # of the ball, in widths of the opening; people have 0.5 or more
PURE_SHARE = 0.3  # of the samples: those with the least of the lids' and the iris' colour
LIT_FROM = 50  # percentile of light from which a sample is not in the lashes' shadow
EVENNESS = 0.75  # how far the fill is evened out to the light of the bare sclera
FINE = 0.05  # eye widths: coarser features than this are shading, finer ones are veins
LEAST_SAMPLES = 8  # pixels of white for a tint of its own
BRIGHTEST = 240.0  # 0..255: a highlight is no white of an eye
LEVEL = 75  # percentile of the white's light that is bare sclera


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
    tint : ndarray, shape (3,), float32, or None
        Colour of the sclera over its mean, where it shows.
    iris_px : ndarray, shape (2,), float32
        Centre of the iris in the photo, pixels.
    iris_radius_px : float
    enlarged : float
        Size of the ball's picture over the photo's: an edit may change it.
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
    tint: NDArray[np.float32] | None
    iris_px: NDArray[np.float32]
    iris_radius_px: float = 0.0
    enlarged: float = 1.0


def build_eyes(
    photo: NDArray[np.uint8],
    face: FaceLandmarks,
    model: FaceModel,
    posed: PosedModel,
    mesh: PortraitMesh,
    corrections: Corrections = ALL_CORRECTIONS,
) -> dict[str, EyeLayer]:
    """Complete what the lids hide of both eyes; keys are the subject's ``left`` and ``right``."""

    def build(side: str, tint: NDArray[np.float32] | None = None) -> EyeLayer:
        ball = posed.rest[model.vertex_part == PART_NAMES.index(f"eye_{side}")]
        center = ball.mean(axis=0)
        radius = float(np.linalg.norm(ball - center, axis=1).mean())
        grown = posed.camera.distance / (posed.camera.distance - center[2])
        outline = mesh.eyes[side].outline(mesh.pixels)
        # The eyes of drawn characters are larger than the model's balls.
        radius_px = max(radius * posed.unit * grown, LEAST_RADIUS * float(np.ptp(outline[:, 0])))
        return build_eye(
            photo,
            outline,
            face.points[IRIS_CENTER[side], :2],
            face.points[IRIS_RING[side], :2],
            center,
            posed.camera.project(center),
            radius_px,
            tint,
        )

    eyes = {side: build(side) for side in mesh.eyes}
    if corrections.sclera_tint:
        side, tint = purest_tint(eyes)
        for other in eyes:
            if other != side and tint is not None:
                eyes[other] = build(other, tint)
    return eyes


def purest_tint(eyes: dict[str, EyeLayer]) -> tuple[str, NDArray[np.float32] | None]:
    """Find the eye whose white is least coloured: both eyes then get its tint.

    For: narrow or shaded eyes, of which one shows hardly any white that lids and iris leave
    uncoloured.

    Returns
    -------
    side : str
    tint : ndarray, shape (3,), or None
        None where neither eye shows any.
    """

    def impurity(side: str) -> float:
        tint = eyes[side].tint
        return float(np.inf if tint is None else np.ptp(tint))

    purest = min(eyes, key=impurity)
    return purest, eyes[purest].tint


def build_eye(
    photo: NDArray[np.uint8],
    opening: NDArray[np.floating],
    iris_center: NDArray[np.floating],
    iris_ring: NDArray[np.floating],
    center: NDArray[np.floating],
    center_px: NDArray[np.floating],
    radius_px: float,
    tint: NDArray[np.float32] | None = None,
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
    tint : ndarray, shape (3,), optional
        Colour of the other eye's sclera over its mean, where that one shows it purer.
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
    tracked = max(2.0, float(np.hypot(*(iris_ring - iris_center).T).mean()))
    iris = iris_outline(bare.mean(axis=2), mask, iris_center - (left, top), tracked)
    clean, tint = _behind_lids(bare, mask, iris, eye_width, tint)
    own = np.clip((soften(mask, RIM * eye_width) - 0.5) / 0.12, 0.0, 1.0)[..., None]
    return EyeLayer(
        np.ascontiguousarray(bare * own + clean * (1.0 - own), np.float32),
        np.ascontiguousarray(clean, np.float32),
        left,
        top,
        np.asarray(center, np.float32),
        np.asarray(center_px, np.float32),
        float(radius_px),
        eye_width,
        float(np.percentile(bare[mask > 0.5].mean(axis=1), 85)) if (mask > 0.5).any() else 0.0,
        _lash_colour(crop, opening - (left, top), eye_width),
        tint,
        np.asarray(iris[0] + (left, top), np.float32),
        float(iris[1]),
    )


def _paste(into: NDArray[np.float32], what: NDArray[np.float32], x: int, y: int) -> None:
    h, w = what.shape
    y0, x0 = max(0, y), max(0, x)
    y1, x1 = min(into.shape[0], y + h), min(into.shape[1], x + w)
    into[y0:y1, x0:x1] = what[y0 - y : y1 - y, x0 - x : x1 - x]


def soften(mask: NDArray[np.float32], rim: float) -> NDArray[np.float32]:
    """Blur a mask so that a threshold on it moves its outline in by a share of ``rim`` pixels."""
    blurred: NDArray[np.float32] = cv2.GaussianBlur(
        mask, (0, 0), max(0.5, 0.8 * rim), borderType=cv2.BORDER_CONSTANT
    )
    return blurred


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


def _behind_lids(
    bare: NDArray[np.float32],
    mask: NDArray[np.float32],
    iris_circle: tuple[NDArray[np.float64], float],
    eye_width: float,
    tint: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Sclera and iris as they continue under the lids; also the sclera's tint."""
    h, w = mask.shape
    erode = max(1, round(CLEAN_RIM * eye_width))
    sure = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * erode + 1,) * 2))
    center, radius = iris_circle
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    rho = (np.hypot(x - center[0], y - center[1]) / radius).astype(np.float32)
    white, tint = sclera_fill(bare, mask, sure, rho, eye_width, tint)
    core = cv2.GaussianBlur(sure, (0, 0), max(0.6, 0.015 * eye_width))[..., None]
    iris = radial_profile(bare, sure, rho)
    iris = bare * core + iris * (1.0 - core)
    # The limbus, where iris and sclera meet, is soft over about a tenth of the radius.
    inside = np.clip((LIMBUS - rho) / 0.16, 0.0, 1.0)[..., None]
    return np.asarray(white * (1.0 - inside) + iris * inside, np.float32), tint


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
    # Noise of a few grey pixels easily turns blue, which no white of an eye is in white light.
    colour[2] = min(colour[2], max(colour[0], colour[1]))
    return np.asarray(colour / max(1.0, float(colour.mean())), np.float32)
