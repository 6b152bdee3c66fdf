# SPDX-License-Identifier: GPL-3.0-or-later
"""Where hair ends: a cut along the photo's edges between what is surely hair and surely skin.

Colours alone take a shaded forehead for hair and a tan fringe for skin; the border between them is
an edge of the picture (Rother et al. 2004, "GrabCut").
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.edits.face_view import CHIN_LEVEL, Mask, View
from heat_backend.fit.landmark_fit import OVAL

UNIT, LONGEST_SIDE = 110.0, 480.0  # pixels of the outer-eye distance and of the picture cut
ROUNDS = 4
MAYBE, SURE = 0.75, 0.45  # distance from hair's colours over that from skin's
CROWN = 0.55  # outer-eye distances above the face where only hair is
OVER = 0.3
BROWS = 0.08  # outer-eye distances over the brows below which the face has no hair
BORDER = 0.22  # outer-eye distances around the face where the cut decides alone
LOWEST, WIDEST = -4.5, 2.4


def cut_hair(view: View, found: Mask, skin: Mask, far: Mask, own: Mask) -> Mask:
    """Return hair (H, W), 0..1, with its border on the photo's edges.

    Parameters
    ----------
    view : View
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

    height, over_brows, aside = (small(field) for field in view.beside_axis())
    head = (small(view.alpha) > 0.5) & (height > LOWEST) & (aside < WIDEST)
    face = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(face, [np.rint(view.face.points[OVAL, :2] * scale).astype(np.int32)], 1)
    hair, near, away = small(found), small(far), small(own)
    told = np.full(head.shape, cv2.GC_PR_BGD, np.uint8)
    told[(hair > 0.5) & (near < MAYBE * away)] = cv2.GC_PR_FGD
    outside = small(view.covered("face")) < 0.5
    told[(hair > 0.8) & outside & ((near < SURE * away) | (height > CROWN))] = cv2.GC_FGD
    inner = cv2.erode(face, _disc(0.05 * unit * scale)) > 0
    bare = (face > 0) & (over_brows < BROWS) | inner & (small(skin) > 0.9)
    shown = bare & head
    # Under the chin are shadows and clothes: there the cut adds nothing.
    under = (small(view.covered("neck")) > 0.5) | (height < CHIN_LEVEL)
    told[bare | ~head | (under & (hair < 0.25))] = cv2.GC_BGD
    if not (told == cv2.GC_FGD).any() or not shown.any():
        return found
    seen = cv2.resize(view.pixels, size, interpolation=cv2.INTER_AREA)
    seen[~head] = np.median(seen[shown], axis=0)  # the wall has no colour of its own to tell apart
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(seen, told, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut = ((told == cv2.GC_FGD) | (told == cv2.GC_PR_FGD)).astype(np.float32)
    around = cv2.dilate(face, _disc(BORDER * unit * scale)) > 0
    loose = np.maximum(cut, hair * ((near < away) | (height > OVER)))
    cut = np.where(around & (height <= OVER), cut, loose)
    whole = cv2.resize(cut.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, np.float32)


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)
