# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an edited portrait goes back to: the photo under the same edits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from heat_backend.styleheat.frame_edits import Amounts, FrameEdits
from heat_backend.styleheat.paste_back import PasteBack

AT_ONCE = 3


class EditedPastes:
    """The pasting of one portrait under the edits of each frame.

    Parameters
    ----------
    plain : PasteBack
        Without edits.
    make : callable
        Makes one for edits that stand still.
    """

    def __init__(self, plain: PasteBack, make: Callable[[Amounts], PasteBack]) -> None:
        self._plain = plain
        self._make = make
        self._held: OrderedDict[Amounts, PasteBack] = OrderedDict()
        self._newest: tuple[FrameEdits, PasteBack] | None = None

    def __call__(self, asked: FrameEdits) -> PasteBack:
        """Return the pasting of a frame."""
        if asked.before == asked.after:
            return self._find(asked.before)
        placed = replace(asked, live=())
        if self._newest is None or self._newest[0] != placed:
            ends = self._find(asked.before), self._find(asked.after)
            self._newest = placed, between(*ends, asked.share)
        return self._newest[1]

    def _find(self, edits: Amounts) -> PasteBack:
        if not edits:
            return self._plain
        if edits not in self._held:
            while len(self._held) >= AT_ONCE:
                self._held.popitem(last=False)
            self._held[edits] = self._make(edits)
        self._held.move_to_end(edits)
        return self._held[edits]


def between(one: PasteBack, other: PasteBack, share: float) -> PasteBack:
    """Interpolate two pastings of one place; ``share`` 0 is the first."""
    photo = cv2.addWeighted(one.photo, 1.0 - share, other.photo, share, 0.0)
    base = cv2.addWeighted(one.base, 1.0 - share, other.base, share, 0.0)
    return replace(one, photo=np.asarray(photo, np.uint8), base=np.asarray(base, np.float32))
