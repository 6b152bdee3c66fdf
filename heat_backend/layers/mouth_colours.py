# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of the inside of the mouth under the photo's light.

The model's authored albedo is lit by a simple diffuse light whose level and tint come from the
whites of the eyes (``exposure``), or from the teeth where the photo shows them
(``photographed_teeth``, ``brighter_by_teeth``); tongue, gums and lining take the lips' colour.
Colours are RGB in 0..255; lengths outer-eye distances of the neutral model.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel
from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.mesh_normals import vertex_normals

# By eye on open mouths of the test portraits where no reason is given.
LIGHT = np.array([0.15, 0.45, 0.88])  # direction: from the front, a little above
AMBIENT = 0.45  # share of the light that comes from all around
FADE_DEPTH = 0.7  # outer-eye distances behind the lips at which light has fallen to 1/e
THROATWARD = 0.5  # of the authored darkening: the light darkens what is deep as well
MOST_BY_TEETH = 1.6  # factor: teeth brighter than that are a highlight
THROAT = 0.18  # of the light: what flesh throws about in a mouth, which is dark and not black
REFERENCE_WHITE = 215.0  # luminance of a well-lit sclera, for which the colours were chosen
TEETH_TINT = 0.45  # spread of the channels over lightness: more is lip, gum or tongue
LINING_DEPTH = 0.10  # outer-eye distances inward over which the lips' own colour goes on
LIP_INWARD = 0.035  # from the inner contour to where a lip's colour is read
CHEEK_FROM, CHEEK_TO = 0.11, 0.25  # half widths between which cheeks shade the back teeth
TINT_BELIEVED = 0.7  # of the tint of the eyes' whites: they are not quite white
TINT_RANGE = 0.72, 1.3  # of a channel over the mean: beyond it is no light that is white to the eye
FLESH_LIKE_LIPS = 0.6  # how far tongue and gums take the lips' colour
TONGUE_TONE = np.array([1.12, 0.92, 0.95])  # of the lips' colour
GUM_TONE = np.array([0.95, 0.86, 0.88])  # of the lips' colour
GUM_LINE_UPPER, GUM_LINE_LOWER = -0.05, -0.205  # heights in the neutral model
GUM_LINE_SOFT = 0.03  # over which a tooth turns into gum
LINING_TONE = np.array([0.86, 0.7, 0.72])  # of the lips' colour: wet skin in their shade
GROOVE = 0.045  # half width of the furrow along the tongue
GROOVE_SHADE = 0.8  # of the light in it
WET = 46.0  # brightness of the gleam on a wet tongue
GLEAM = 24.0  # exponent of the highlight (Blinn 1977)


def light_of_eyes(
    photo: NDArray[np.uint8], openings: list[NDArray[np.floating]]
) -> NDArray[np.float64]:
    """Colour (3,), 0..255, of the whites of the eyes: how white things are lit in the photo.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    openings : list of ndarray, shape (M, 2)
        Lid margins as closed polygons, photo pixels.
    """
    mask = np.zeros(photo.shape[:2], np.uint8)
    for opening in openings:
        cv2.fillPoly(mask, [np.rint(opening).astype(np.int32)], 1)
    seen = photo[mask > 0].astype(np.float64)
    if len(seen) == 0:
        return np.full(3, REFERENCE_WHITE)
    light = seen.mean(axis=1)
    return np.asarray(np.median(seen[light >= np.percentile(light, 80)], axis=0))


def exposure(white: float, tint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors (3,) of the light in the photo against the light the colours were chosen for.

    Parameters
    ----------
    white : float
        Luminance of the eyes' whites without the lids' shadow, 0..255.
    tint : ndarray, shape (3,)
        Their colour, at any brightness.
    """
    level = float(np.clip(white / REFERENCE_WHITE, 0.25, 1.1))
    cast = (tint / max(float(tint.mean()), 1.0)) ** TINT_BELIEVED
    return np.asarray(level * np.clip(cast, *TINT_RANGE))


def brighter_by_teeth(
    model: FaceModel,
    kept: NDArray[np.integer],
    light: NDArray[np.float64],
    teeth_tone: NDArray[np.float64] | None,
) -> float:
    """Factor, at least 1, on the light read off the eyes where teeth are brighter than it allows.

    For: photos that show teeth, whose eyes lie in the shade of their lids.

    Parameters
    ----------
    model : FaceModel
    kept : ndarray, shape (N,)
        The mouth's vertices among the model's.
    light : ndarray, shape (3,)
        See :func:`exposure`.
    teeth_tone : ndarray, shape (3,), or None
        Colour of the teeth that the photo shows, if it does.
    """
    if teeth_tone is None:
        return 1.0
    part = np.array(PART_NAMES)[model.vertex_part[kept]]
    authored = model.vertex_albedo[kept][np.isin(part, ("teeth_upper", "teeth_lower"))]
    whitest = authored.astype(np.float64).max() * float(light.mean())
    return float(np.clip(teeth_tone.mean() / max(whitest, 1.0), 1.0, MOST_BY_TEETH))


@dataclass(frozen=True)
class MouthColours:
    """Lit colours of the mouth's vertices.

    Attributes
    ----------
    inside, out : ndarray, shape (N, 3)
        0..255, with the tongue in the mouth and out of it.
    lining : ndarray, shape (N,)
        1 where a vertex has the lips' own colour, 0 deeper inside.
    """

    inside: NDArray[np.float64]
    out: NDArray[np.float64]
    lining: NDArray[np.float64]


def mouth_colours(
    model: FaceModel,
    posed: PosedModel,
    kept: NDArray[np.integer],
    triangles: NDArray[np.int32],
    photo: NDArray[np.uint8],
    light: NDArray[np.float64],
    teeth_tone: NDArray[np.float64] | None,
) -> MouthColours:
    """Colour and light the mouth.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    kept : ndarray, shape (N,)
        The mouth's vertices among the model's.
    triangles : ndarray, shape (T, 3), int32
        Over the N vertices.
    photo : ndarray, shape (H, W, 3), uint8
    light : ndarray, shape (3,)
        See :func:`exposure`.
    teeth_tone : ndarray, shape (3,), or None
        Colour of the teeth that the photo shows, if it does.
    """
    part = np.array(PART_NAMES)[model.vertex_part[kept]]
    lip, lining = _lining(model, posed, kept, photo)
    albedo = _unlit(model, kept, part, light, np.median(lip, axis=0), teeth_tone)
    teeth = np.isin(part, ("teeth_upper", "teeth_lower"))
    lips = posed.rest[model.lip_inner, 2].max()
    shade, _ = _shade(posed.rest[kept], triangles, lips)
    beside = np.abs(model.vertices[kept, 0])
    cheeks = np.clip((CHEEK_TO - beside) / (CHEEK_TO - CHEEK_FROM), 0.12, 1.0)
    shade = np.where(teeth, shade * cheeks, shade)
    lining = np.where(part == "mouth_socket", lining, 0.0)
    colour: NDArray[np.float64] = albedo * shade[:, None]
    colour += lining[:, None] * (lip * LINING_TONE - colour)
    tongue = part == "tongue"
    reached = posed.rest[kept] + posed.deltas[EXPRESSION_INDEX["tongueOut"], kept]
    shade, gleam = _shade(reached, triangles, lips)
    wet = WET * float(light.mean()) * gleam
    out = np.where(tongue[:, None], albedo * shade[:, None] + wet[:, None], colour)
    return MouthColours(colour, np.clip(out, 0.0, 255.0), np.asarray(lining, np.float64))


def _unlit(
    model: FaceModel,
    kept: NDArray[np.integer],
    part: NDArray[np.str_],
    light: NDArray[np.float64],
    lips: NDArray[np.float64],
    teeth_tone: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Colours (N, 3) under the photo's light, before shading."""
    colour = model.vertex_albedo[kept].astype(np.float64) * light
    teeth = np.isin(part, ("teeth_upper", "teeth_lower"))
    if teeth_tone is not None:
        own = model.vertex_albedo[kept][teeth].astype(np.float64)
        colour[teeth] = teeth_tone * (own / own.max())
    gums = np.isin(part, ("gums_upper", "gums_lower"))
    x, y = model.vertices[kept, 0], model.vertices[kept, 1]
    for where, tone in ((part == "tongue", TONGUE_TONE), (gums, GUM_TONE)):
        # Authored colours darken toward the throat; the lips' colour has to do so, too.
        dark = colour[where].mean(axis=1, keepdims=True)
        dark = (dark / max(float(dark.max()), 1.0)) ** THROATWARD
        colour[where] += FLESH_LIKE_LIPS * (lips * tone * dark - colour[where])
    gum = colour[gums].max(axis=0)
    above = np.where(part == "teeth_upper", y - GUM_LINE_UPPER, GUM_LINE_LOWER - y)
    root = np.where(teeth, np.clip(above / GUM_LINE_SOFT, 0.0, 1.0), 0.0)[:, None]
    colour += root * (gum - colour)
    furrow = np.where(part == "tongue", np.exp(-((x / GROOVE) ** 2)), 0.0)
    return np.asarray(colour * (1.0 - (1.0 - GROOVE_SHADE) * furrow)[:, None])


def _shade(
    rest: NDArray[np.float64], triangles: NDArray[np.int32], lips: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Light (N,) that reaches each vertex, and its gleam (N,), 0..1, if it is wet."""
    normal = vertex_normals(rest, triangles)
    lambert = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0.0, 1.0)
    half = LIGHT / np.linalg.norm(LIGHT) + (0.0, 0.0, 1.0)
    gleam = np.clip(normal @ (half / np.linalg.norm(half)), 0.0, 1.0) ** GLEAM
    depth = np.maximum(0.0, lips - rest[:, 2])
    reached = THROAT + (1.0 - THROAT) * np.exp(-((depth / FADE_DEPTH) ** 2))
    return np.asarray((AMBIENT + (1.0 - AMBIENT) * lambert) * reached), np.asarray(gleam * reached)


def _lining(
    model: FaceModel, posed: PosedModel, kept: NDArray[np.integer], photo: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lip colour (N, 3) nearest to each vertex, and how near (N,), 1 at the lips."""
    loop = model.lip_inner
    up = posed.rotation @ np.array([0.0, 1.0, 0.0])
    outward = np.array([up[0], -up[1]]) * LIP_INWARD * posed.unit
    sign = np.where(np.arange(len(loop)) < model.lip_upper_count, 1.0, -1.0)
    at = (posed.pixels[loop] + sign[:, None] * outward).astype(np.float32)
    smooth = cv2.GaussianBlur(photo, (0, 0), max(0.6, 0.012 * posed.unit))
    lips = cv2.remap(
        smooth, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )[0].astype(np.float64)
    distance, nearest = cKDTree(model.vertices[loop]).query(model.vertices[kept])
    return lips[nearest], smoothstep(LINING_DEPTH, 0.0, distance)


def photographed_teeth(
    own: NDArray[np.float32] | None, core: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Find the colour (3,) of the teeth that the photo shows, or None if it shows none.

    For: open mouths: teeth show better than shaded eyes how the inside of the mouth is lit.

    Parameters
    ----------
    own : ndarray, shape (h, w, 3), or None
        The photo around its mouth.
    core : ndarray, shape (h, w)
        1 well inside the lips.
    """
    if own is None:
        return None
    inside = own[core > 0.7]
    if len(inside) < 30:
        return None
    light = inside.mean(axis=1)
    tint = inside.max(axis=1) - inside.min(axis=1)
    teeth = inside[(light > 0.6 * np.percentile(light, 98)) & (tint < TEETH_TINT * light)]
    if len(teeth) < 0.2 * len(inside):
        return None
    return np.asarray(np.percentile(teeth, 75, axis=0), np.float64)
