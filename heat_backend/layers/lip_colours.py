# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction of the texture coordinates of lips that relax from a smile or close.

For: smiling and open mouths. A smile draws the lips thin toward the corners, until the photo has
hardly a pixel of their red left there. As the mouth narrows, its sides take their colours from
farther in; and lips that close take none from right beside the opening, where pixels mix with
teeth and darkness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from bridge.face_model import FaceModel, landmarks
from bridge.ramps import smoothstep
from heat_backend.fit.lip_edges import CORNER, RUNG, lip_contours
from heat_backend.fit.neutral import RELAX
from heat_backend.fit.posed_model import PosedModel

Floats = NDArray[np.floating]

# By eye on smiling test portraits.
FARTHEST_IN = 0.35  # of half the mouth: from where a corner takes its colours, at most
FULL_SMILE = 0.15  # of the mouth's width: more than this a smile hardly widens it
SIDES = 0.6  # of half the mouth, beyond which all is taken from farther in
CORNERS = 0.88  # of half the mouth: the corners themselves stay what they are
RED_ENDS = (0.9, 1.4)  # of the lip's thickness, between which colours stay more and more
OPEN = 0.04  # outer-eye distances: lips nearer than this have no edge of their own
MIXED, MIXED_PIXELS = 0.006, 1.5  # outer-eye distances and pixels: how far an edge is blurred
LET_GO = 0.3  # of the mouth's width or height: change at which edges are wholly avoided
MOST_MIXED = 0.6  # of a lip


@dataclass(frozen=True)
class LipColours:
    """How far vertices' places in the photo move.

    Attributes
    ----------
    inward : ndarray, shape (N, 2), float32
        Pixels, with the mouth as narrow as a relaxed one.
    off_edge : ndarray, shape (N, 2), float32
        Pixels, with the lips moved from where the photo has the inside of the mouth beside them.
    narrowing : float
        How much narrower than in the photo the relaxed mouth is, of its width.
    """

    inward: NDArray[np.float32]
    off_edge: NDArray[np.float32]
    narrowing: float

    def places(
        self, home: NDArray[np.float32], narrower: float, lower: float
    ) -> NDArray[np.float32]:
        """Places (N, 2) in the photo instead of ``home``.

        Parameters
        ----------
        home : ndarray, shape (N, 2)
        narrower : float
            How much narrower than in the photo the mouth is now, of its width.
        lower : float
            How much less open it is, of its height.
        """
        slid = float(np.clip(narrower / max(self.narrowing, 1e-6), 0.0, 1.0))
        off = min(1.0, max(abs(narrower), abs(lower)) / LET_GO)
        if slid == 0.0 and off < 1e-3:
            return home
        moved = np.float32(slid) * self.inward + np.float32(off) * self.off_edge
        return np.asarray(home + moved, np.float32)


def lip_colours(model: FaceModel, posed: PosedModel, pixels: NDArray[np.floating]) -> LipColours:
    """Find where the lips take their colours from as the mouth narrows or closes.

    For: smiling and open mouths.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    pixels : ndarray, shape (N, 2)
        Where vertices are in the photo.
    """
    marks = landmarks(model, posed.pixels)
    relaxed = landmarks(model, posed.camera.project(posed.rest + posed.deltas[RELAX]))
    narrowing = max(0.0, 1.0 - _width(relaxed) / _width(marks))
    most = FARTHEST_IN * min(1.0, narrowing / FULL_SMILE)
    inner, outer = lip_contours(marks)
    half = RUNG * CORNER
    gap = np.hypot(*(inner[half // 2] - inner[-half // 2])) / posed.unit
    blurred = (MIXED * posed.unit + MIXED_PIXELS) if gap > OPEN else 0.0
    lower = slice(0, half + 1)
    upper = np.arange(2 * half, half - 1, -1) % (2 * half)
    parts = [_fields(inner[run], outer[run], most, blurred) for run in (lower, upper)]
    places, fields = (np.concatenate(part) for part in zip(*parts, strict=True))
    found = LinearNDInterpolator(places, fields, fill_value=0.0)(pixels).astype(np.float32)
    return LipColours(found[:, :2].copy(), found[:, 2:].copy(), narrowing)


def unmoved(count: int) -> LipColours:
    """Lip colours that stay where they are, for ``count`` vertices."""
    still = np.zeros((count, 2), np.float32)
    return LipColours(still, still, 0.0)


def _width(marks: NDArray[np.floating]) -> float:
    inner, _ = lip_contours(marks)
    return max(float(np.hypot(*(inner[RUNG * CORNER] - inner[0]))), 1e-6)


def _taken_from(most: float) -> tuple[Floats, Floats]:
    """Places along a lip, -1..1, and those that they take their colours from."""
    along = np.linspace(-CORNERS, CORNERS, 41)
    source = along * (1.0 - most * smoothstep(0.0, SIDES, np.abs(along)))
    return np.concatenate([[-1.0], along, [1.0]]), np.concatenate([[-1.0], source, [1.0]])


def _fields(inner: Floats, outer: Floats, most: float, blurred: float) -> tuple[Floats, Floats]:
    """Places (M, 2) all over one lip, and both moves (M, 4) of them."""
    along = np.linspace(-1.0, 1.0, len(inner))
    source = np.interp(along, *_taken_from(most))
    out = outer - inner
    thick = np.maximum(np.hypot(*out.T), 1e-6)
    first, first_out = (
        np.column_stack([np.interp(source, along, part[:, k]) for k in (0, 1)])
        for part in (inner, out)
    )
    share = np.minimum(blurred / thick, MOST_MIXED)
    places, moves = [], []
    for across in np.linspace(-0.1, 1.5, 25):
        place = inner + across * out
        inward = (1.0 - smoothstep(*RED_ENDS, across)) * (first + across * first_out - place)
        off_edge = (share * np.clip(1.0 - across, 0.0, 1.0))[:, None] * out
        places.append(place)
        moves.append(np.column_stack([inward, off_edge]))
    return np.concatenate(places), np.concatenate(moves)
