# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of the inside of the mouth, taken from the photo where it shows what they should be."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.fit.posed_model import PosedModel

LIGHT = np.array([0.15, 0.45, 0.88])  # from the front, a little above
AMBIENT = 0.45
FADE_DEPTH = 0.52  # outer-eye distances behind the lips at which light has fallen to 1/e
REFERENCE_WHITE = 215.0  # luminance of a well-lit sclera, for which the colours were chosen
TEETH_TINT = 0.45  # spread of the channels over lightness: more is lip, gum or tongue
LINING_DEPTH = 0.10  # outer-eye distances inward over which the lips' own colour goes on
LIP_INWARD = 0.035  # from the inner contour to where a lip's colour is read
CHEEK_FROM, CHEEK_TO = 0.11, 0.25  # half widths between which cheeks shade the back teeth


def exposure(white: float) -> float:
    """Factor of the light in the photo against the light the colours were chosen for."""
    return float(np.clip(white / REFERENCE_WHITE, 0.25, 1.1))


def mouth_colours(
    model: FaceModel,
    posed: PosedModel,
    kept: NDArray[np.intp],
    triangles: NDArray[np.int32],
    photo: NDArray[np.uint8],
    white: float,
    teeth_tone: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lit colours of the mouth's vertices, and which of them are lip turned inward.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    kept : ndarray, shape (N,)
        The mouth's vertices among the model's.
    triangles : ndarray, shape (T, 3), int32
        Over the N vertices.
    photo : ndarray, shape (H, W, 3), uint8
    white : float
        Luminance of the eyes' whites, 0..255: skin does not tell how brightly teeth are lit.
    teeth_tone : ndarray, shape (3,), or None
        Colour of the teeth that the photo shows, if it does.

    Returns
    -------
    colour : ndarray, shape (N, 3)
        0..255.
    lining : ndarray, shape (N,)
        1 where a vertex has the lips' own colour, 0 deeper inside.
    """
    light = exposure(white)
    albedo = model.vertex_albedo[kept].astype(np.float64)
    part = np.array(PART_NAMES)[model.vertex_part[kept]]
    teeth = np.isin(part, ("teeth_upper", "teeth_lower"))
    if teeth_tone is not None:
        albedo[teeth] = teeth_tone / light * (albedo[teeth] / albedo[teeth].max())
    shade = _shade(posed.rest[kept], triangles, posed.rest[model.lip_inner, 2].max())
    beside = np.abs(model.vertices[kept, 0])
    cheeks = np.clip((CHEEK_TO - beside) / (CHEEK_TO - CHEEK_FROM), 0.12, 1.0)
    shade = np.where(teeth, shade * cheeks, shade)
    colour = albedo * shade[:, None] * light
    lip, lining = _lining(model, posed, kept, photo)
    lining = np.where(part == "mouth_socket", lining, 0.0)
    return colour + lining[:, None] * (lip - colour), lining


def _shade(
    rest: NDArray[np.float64], triangles: NDArray[np.int32], lips: float
) -> NDArray[np.float64]:
    corners = rest[triangles]
    face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.zeros_like(rest)
    for k in range(3):
        np.add.at(normal, triangles[:, k], face_normal)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lambert = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0.0, 1.0)
    depth = np.maximum(0.0, lips - rest[:, 2])
    reached = np.exp(-((depth / FADE_DEPTH) ** 2))
    return np.asarray((AMBIENT + (1.0 - AMBIENT) * lambert) * reached)


def _lining(
    model: FaceModel, posed: PosedModel, kept: NDArray[np.intp], photo: NDArray[np.uint8]
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
    t = np.clip(1.0 - distance / LINING_DEPTH, 0.0, 1.0)
    return lips[nearest], t * t * (3.0 - 2.0 * t)


def photographed_teeth(
    own: NDArray[np.float32] | None, core: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Colour (3,) of the teeth that the photo shows, or None if it shows none.

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
