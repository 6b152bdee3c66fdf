# SPDX-License-Identifier: GPL-3.0-or-later
"""All edits of one prepared portrait: its layers with them applied, made anew as they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bridge import edit_directions
from bridge.edits import EDIT_BY_NAME, LIGHT, SHAPE, TEXTURE, usable
from bridge.face_model import FaceModel
from heat_backend.edits.colours import ColourEditor, RecolouredLayers, build_colour_base
from heat_backend.edits.portrait_directions import PortraitDirections
from heat_backend.edits.shape import ShapedLayers, ShapeEditor
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.layers.lid_cover import LidCover
from heat_backend.layers.mirror_texture import MirrorTexture
from heat_backend.layers.portrait_layers import Layers


@dataclass(frozen=True)
class EditedLayers:
    """A portrait's layers with edits applied.

    Attributes
    ----------
    shaped : ShapedLayers
    foreground : ndarray, shape (H + 2 pad, W + 2 pad, 4), uint8
        See :class:`heat_backend.layers.matting_layers.MattingLayers`.
    lids : dict of str to LidCover
    coloured : RecolouredLayers or None
        The recoloured pictures; None without colour and light edits.
    """

    shaped: ShapedLayers
    foreground: NDArray[np.uint8]
    lids: dict[str, LidCover]
    coloured: RecolouredLayers | None


class Editor:
    """Applies edits.

    Parameters
    ----------
    shape : ShapeEditor
    make_colours : function
        Makes the portrait's :class:`ColourEditor`; called when a colour is first edited.
    own : EditedLayers
        The portrait as photographed.
    """

    def __init__(
        self, shape: ShapeEditor, make_colours: Callable[[], ColourEditor], own: EditedLayers
    ) -> None:
        self._shape = shape
        self._make_colours = make_colours
        self._colours: ColourEditor | None = None
        self._own = self._shaped = self._edited = own
        self._applied: dict[str, float] = {}
        self.notes: tuple[str, ...] = ()
        self.directions: PortraitDirections | None = None

    def apply(self, edits: Mapping[str, float]) -> EditedLayers:
        """Return the layers for some edits; the same object while they stay the same.

        Raises
        ------
        bridge.errors.BadInput
            See :func:`bridge.edits.usable`.
        """
        wanted, notes = usable(edits)
        self._note(notes)
        if wanted == self._applied:
            return self._edited
        shape = {n: v for n, v in wanted.items() if EDIT_BY_NAME[n].group == SHAPE}
        colour = {n: v for n, v in wanted.items() if EDIT_BY_NAME[n].group in (TEXTURE, LIGHT)}
        before = {n: v for n, v in self._applied.items() if EDIT_BY_NAME[n].group == SHAPE}
        if shape != before:
            neck = {n: v for n, v in shape.items() if n == "neck_width"}
            shaped = self._shape.shaped(self._identity_change(shape), self._identity_change(neck))
            self._shaped = replace(self._own, shaped=shaped)
        if colour:
            self._note(self.colours.notes(colour))
            self._edited = self._recoloured(colour)
        else:
            self._edited = self._shaped
        self._applied = wanted
        return self._edited

    def find_directions(self, edits: Mapping[str, float]) -> None:
        """Find the directions of shape edits not used before, by rendering them.

        Must not be called while a frame is being rendered.
        """
        if self.directions is not None:
            self.directions.find({n: v for n, v in edits.items() if v != 0.0})

    def _identity_change(self, shape: Mapping[str, float]) -> NDArray[np.float32]:
        """Change of identity weights (K,) by shape edits."""
        if self.directions is None:
            return edit_directions.identity_change(shape)
        return self.directions.identity_change(shape)

    @property
    def colours(self) -> ColourEditor:
        """The portrait's regions and light, made when first asked for."""
        if self._colours is None:
            self._colours = self._make_colours()
        return self._colours

    def _recoloured(self, edits: Mapping[str, float]) -> EditedLayers:
        shaped = self._shaped.shaped
        found = self._edited.coloured
        if found is None or found.edits != edits:
            found = self.colours.recolour(edits)
        eyes = {side: found.eye(side, eye) for side, eye in shaped.eyes.items()}
        shaped = replace(shaped, eyes=eyes, mouth=found.mouth(shaped.mouth))
        lids = {side: found.lid(side, lid) for side, lid in self._own.lids.items()}
        return EditedLayers(shaped, found.foreground, lids, found)

    def _note(self, notes: tuple[str, ...]) -> None:
        self.notes += tuple(note for note in notes if note not in self.notes)


def make_editor(
    model: FaceModel,
    posed: PosedModel,
    face: FaceLandmarks,
    alpha: NDArray[np.float32],
    layers: Layers,
    far: MirrorTexture | None,
    corrections: Corrections = ALL_CORRECTIONS,
) -> Editor:
    """Make a portrait's editor; nothing is computed before the first edit.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    face : FaceLandmarks
        In the photo at the frames' size.
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    layers : Layers
    far : MirrorTexture or None
        What the foreground's picture holds below the photo.
    corrections : Corrections
        Of them ``hair_border``.
    """
    own = ShapedLayers(layers.mesh, layers.mouth, layers.eyes, layers.landmarks)
    shape = ShapeEditor(model, posed, own)

    def colours() -> ColourEditor:
        return ColourEditor(build_colour_base(model, posed, face, alpha, layers, far, corrections))

    return Editor(shape, colours, EditedLayers(own, layers.matting.foreground, layers.lids, None))
