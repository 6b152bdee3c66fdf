# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the editor of a portrait that is being prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FaceModel
from heat_backend.detect import FaceLandmarks
from heat_backend.edits.colours import ColourEditor
from heat_backend.edits.editor import Edited, Editor
from heat_backend.edits.shape import Shaped, ShapeEditor
from heat_backend.fit.posed_model import PosedModel
from heat_backend.warp.painter import opaque

if TYPE_CHECKING:
    from heat_backend.warp.warp_engine import Layers


def make_editor(
    model: FaceModel,
    posed: PosedModel,
    face: FaceLandmarks,
    alpha: NDArray[np.float32],
    layers: Layers,
) -> Editor:
    """Make it; nothing is computed before the first edit.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    face : FaceLandmarks
        In the photo at the frames' size.
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    layers : Layers
    """
    own = Shaped(layers.mesh, layers.mouth, layers.eyes, layers.landmarks)
    shape = ShapeEditor(model, posed, own)

    def colours() -> ColourEditor:
        return ColourEditor()

    return Editor(shape, colours, Edited(own, layers.cutout.person, opaque(layers.photo)))
