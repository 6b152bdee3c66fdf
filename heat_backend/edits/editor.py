# SPDX-License-Identifier: GPL-3.0-or-later
"""All edits of one prepared portrait: what they make of its layers, redone when they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bridge import edit_directions
from bridge.edits import EDIT_BY_NAME, LIGHT, SHAPE, TEXTURE, usable
from heat_backend.edits.colours import Coloured, ColourEditor
from heat_backend.edits.portrait_directions import PortraitDirections
from heat_backend.edits.shape import Shaped, ShapeEditor
from heat_backend.layers.lid_cover import LidCover


@dataclass(frozen=True)
class Edited:
    """A portrait's layers with edits applied.

    Attributes
    ----------
    shaped : Shaped
    person : ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
        See :class:`heat_backend.layers.matting_layers.MattingLayers`.
    lids : dict of str to LidCover
    coloured : Coloured or None
        What changed the colours; None where nothing did.
    """

    shaped: Shaped
    person: NDArray[np.uint8]
    lids: dict[str, LidCover]
    coloured: Coloured | None


class Editor:
    """Applies edits.

    Parameters
    ----------
    shape : ShapeEditor
    colours : function
        Makes the portrait's :class:`ColourEditor`; called when a colour is first edited.
    own : Edited
        The portrait as photographed.
    """

    def __init__(
        self, shape: ShapeEditor, colours: Callable[[], ColourEditor], own: Edited
    ) -> None:
        self._shape = shape
        self._make_colours = colours
        self._colours: ColourEditor | None = None
        self._own = self._shaped = self._edited = own
        self._done: dict[str, float] = {}
        self.notes: tuple[str, ...] = ()
        self.directions: PortraitDirections | None = None

    def edited(self, edits: Mapping[str, float]) -> Edited:
        """Return the layers for some edits; the same object while they stay the same.

        Raises
        ------
        bridge.errors.BadInput
            See :func:`bridge.edits.usable`.
        """
        wanted, notes = usable(edits)
        self._note(notes)
        if wanted == self._done:
            return self._edited
        shape = {n: v for n, v in wanted.items() if EDIT_BY_NAME[n].group == SHAPE}
        colour = {n: v for n, v in wanted.items() if EDIT_BY_NAME[n].group in (TEXTURE, LIGHT)}
        before = {n: v for n, v in self._done.items() if EDIT_BY_NAME[n].group == SHAPE}
        if shape != before:
            neck = {n: v for n, v in shape.items() if n == "neck_width"}
            shaped = self._shape.shaped(self._change(shape), self._change(neck))
            self._shaped = replace(self._own, shaped=shaped)
        if colour:
            self._note(self.colours.skipped(colour))
            self._edited = self._coloured(colour)
        else:
            self._edited = self._shaped
        self._done = wanted
        return self._edited

    def know(self, edits: Mapping[str, float]) -> None:
        """Find what edits not used before need to know of this portrait, by rendering it.

        Must not be called while a frame is being painted.
        """
        if self.directions is not None:
            self.directions.know({n: v for n, v in edits.items() if v != 0.0})

    def _change(self, shape: Mapping[str, float]) -> NDArray[np.float32]:
        """Change of identity weights (K,) by shape edits."""
        if self.directions is None:
            return edit_directions.identity_change(shape)
        return self.directions.change(shape)

    @property
    def colours(self) -> ColourEditor:
        """The portrait's regions and light, made when first asked for."""
        if self._colours is None:
            self._colours = self._make_colours()
        return self._colours

    def _coloured(self, edits: Mapping[str, float]) -> Edited:
        shaped = self._shaped.shaped
        found = self._edited.coloured
        if found is None or found.edits != edits:
            found = self.colours.coloured(edits)
        eyes = {side: found.eye(side, eye) for side, eye in shaped.eyes.items()}
        shaped = replace(shaped, eyes=eyes, mouth=found.mouth(shaped.mouth))
        lids = {side: found.lid(side, lid) for side, lid in self._own.lids.items()}
        return Edited(shaped, found.person, lids, found)

    def _note(self, notes: tuple[str, ...]) -> None:
        self.notes += tuple(note for note in notes if note not in self.notes)
