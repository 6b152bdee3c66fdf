# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin that a closing lid draws out, laid out for colour edits.

It is the skin of around the eye, so that it takes what edits do there: their masks, which leave
the eye itself out, are continued over it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.edits.light import STEP
from heat_backend.edits.repaint import Canvas, canvas
from heat_backend.layers.fill import pull_push
from heat_backend.layers.lid_cover import LidCover

BESIDE = 0.05  # outer-eye distances around the opening where masks fade for the eye's sake


def lid_canvas(lid: LidCover, masks: Sequence[NDArray[np.uint8]], even: NDArray[np.int8]) -> Canvas:
    """Lay one lid out.

    Parameters
    ----------
    lid : LidCover
    masks : sequence of ndarray, shape (H, W), uint8
        Regions of the photo.
    even : ndarray, shape (H, W, 3), int8
    """
    height, width = lid.skin.shape[:2]
    rows, columns = slice(lid.top, lid.top + height), slice(lid.left, lid.left + width)
    eye = np.zeros((height, width), np.uint8)
    outline = np.concatenate([lid.upper, lid.lower[::-1]]) - (lid.left, lid.top)
    cv2.fillPoly(eye, [np.rint(outline).astype(np.int32)], 1)
    reach = 2 * max(1, round(BESIDE * lid.unit)) + 1
    around = 1 - cv2.dilate(eye, np.ones((reach, reach), np.uint8))
    known = around.astype(np.float32)
    filled = [
        pull_push(mask[rows, columns, None].astype(np.float32), known)[..., 0] for mask in masks
    ]
    y, x = np.mgrid[rows, columns].astype(np.float32) / np.float32(STEP)
    whole = np.full((height, width), 255, np.uint8)
    return canvas(
        np.dstack([lid.skin, whole]),
        np.rint(np.stack(filled)).astype(np.uint8),
        even[rows, columns],
        whole,
        np.dstack([x, y]),
        height,
    )
