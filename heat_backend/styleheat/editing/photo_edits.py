# SPDX-License-Identifier: GPL-3.0-or-later
"""The photo under edits of shape, colour and light (by the engine ``warp``), and its pasting."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from heat_backend.engines.protocol import Portrait
from heat_backend.styleheat.crops.ffhq import crop_portrait
from heat_backend.styleheat.crops.paste_back import PasteBack
from heat_backend.styleheat.editing.frame_edits import Amounts, FrameEdits

Bytes = NDArray[np.uint8]
PASTES_IN_MEMORY = 3  # a photo and two float32 fields each
_CHANGED = 1  # of 255: what differs by more was edited
_DILATION = 5  # pixels: covers the interpolation filter of the edit


@dataclass(frozen=True)
class EditedPhoto:
    """A photo under some edits.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        Of the photo's own size.
    crop : ndarray, shape (1024, 1024, 3), uint8
        The aligned crop of it, at the photo's own place.
    """

    pixels: Bytes
    crop: Bytes


class PhotoEditor:
    """Edits one photo.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    landmarks : ndarray, shape (68, 2)
        The photo's own, by which its crop was cut.
    prepare : callable
        Prepares the photo for the engine ``warp``; called at the first edit.
    """

    def __init__(
        self, photo: Bytes, landmarks: NDArray[np.floating], prepare: Callable[[], Portrait]
    ) -> None:
        self._photo = photo
        self._landmarks = landmarks
        self._prepare = prepare
        self._portrait: Portrait | None = None
        self._initial_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user about edits that were limited or left out."""
        if self._portrait is None:
            return ()
        return tuple(note for note in self._portrait.notes if note not in self._initial_notes)

    def edited(self, edits: Mapping[str, float]) -> EditedPhoto:
        """Return the photo under some edits.

        Raises
        ------
        bridge.errors.BadInput
            See :func:`bridge.edits.usable`.
        """
        if self._portrait is None:
            self._portrait = self._prepare()
            self._initial_notes = self._portrait.notes
        drawn = self._portrait.render(Coefficients.of(edits=edits))[..., :3].copy()
        if drawn.shape != self._photo.shape:
            plain = self._portrait.render(Coefficients.zero())[..., :3]
            drawn = _upscaled_edit(self._photo, plain, drawn)
        return EditedPhoto(drawn, crop_portrait(drawn, self._landmarks).pixels)


def _upscaled_edit(photo: Bytes, plain: Bytes, drawn: Bytes) -> Bytes:
    """Bring an edited photo to the photo's size, which stays as sharp as it is elsewhere."""
    changed = cv2.absdiff(drawn, plain).max(axis=2) > _CHANGED
    dilated = cv2.dilate(changed.astype(np.uint8), np.ones((_DILATION, _DILATION), np.uint8))
    size = (photo.shape[1], photo.shape[0])
    large = cv2.resize(drawn, size, interpolation=cv2.INTER_CUBIC)
    weight = cv2.resize(dilated.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.rint(large * weight + photo * (1.0 - weight)), np.uint8)


class EditedPastes:
    """The compositing of one portrait under the edits of each frame.

    Parameters
    ----------
    plain : PasteBack
        Without edits.
    make : callable
        Makes a :class:`PasteBack` for constant edits.
    """

    def __init__(self, plain: PasteBack, make: Callable[[Amounts], PasteBack]) -> None:
        self._unedited = plain
        self._make = make
        self._in_memory: OrderedDict[Amounts, PasteBack] = OrderedDict()
        self._newest: tuple[FrameEdits, PasteBack] | None = None

    def __call__(self, frame_edits: FrameEdits) -> PasteBack:
        """Return the compositing of a frame."""
        if frame_edits.before == frame_edits.after:
            return self._find(frame_edits.before)
        placed = replace(frame_edits, live=())
        if self._newest is None or self._newest[0] != placed:
            ends = self._find(frame_edits.before), self._find(frame_edits.after)
            self._newest = placed, interpolate_pastes(*ends, frame_edits.share)
        return self._newest[1]

    def _find(self, edits: Amounts) -> PasteBack:
        if not edits:
            return self._unedited
        if edits not in self._in_memory:
            while len(self._in_memory) >= PASTES_IN_MEMORY:
                self._in_memory.popitem(last=False)
            self._in_memory[edits] = self._make(edits)
        self._in_memory.move_to_end(edits)
        return self._in_memory[edits]


def interpolate_pastes(first: PasteBack, second: PasteBack, share: float) -> PasteBack:
    """Interpolate two compositings of one region; ``share`` 0 is the first."""
    photo = cv2.addWeighted(first.photo, 1.0 - share, second.photo, share, 0.0)
    base = cv2.addWeighted(first.base, 1.0 - share, second.base, share, 0.0)
    return replace(first, photo=np.asarray(photo, np.uint8), base=np.asarray(base, np.float32))
