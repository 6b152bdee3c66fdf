# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait's layers: all that is computed once per photo and used for every frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FaceModel
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.layers.eyeballs import EyeLayer, build_eyes
from heat_backend.layers.lid_cover import LidCover, build_lid_cover
from heat_backend.layers.matting_layers import MattingLayers
from heat_backend.layers.mouth_colours import exposure, light_of_eyes
from heat_backend.layers.mouth_interior import MouthLayer, build_mouth
from heat_backend.layers.portrait_mesh import PortraitMesh
from heat_backend.layers.rendered_landmarks import LandmarkRig, landmark_rig


@dataclass(frozen=True)
class Layers:
    """Everything per portrait that a frame needs.

    Attributes
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    matting : MattingLayers
    mesh : PortraitMesh
    mouth : MouthLayer
    eyes : dict of str to EyeLayer
        ``"left"`` and ``"right"``, the subject's.
    camera : Camera
    rotation : ndarray, shape (3, 3)
        Head axes in the photo.
    landmarks : LandmarkRig
    frame : ndarray, shape (H, W), bool, or None
        Pixels of a spectacle frame.
    lids : dict of str to LidCover
    """

    photo: NDArray[np.uint8]
    matting: MattingLayers
    mesh: PortraitMesh
    mouth: MouthLayer
    eyes: dict[str, EyeLayer]
    camera: Camera
    rotation: NDArray[np.float64]
    landmarks: LandmarkRig
    frame: NDArray[np.bool_] | None
    lids: dict[str, LidCover]


def resized(
    pixels: NDArray[np.uint8], face: FaceLandmarks, size: int | None
) -> tuple[NDArray[np.uint8], FaceLandmarks]:
    """Bring the photo (H, W, 3) and the face found in it to the frames' size."""
    height, width = pixels.shape[:2]
    if size is None or size == max(height, width):
        return np.ascontiguousarray(pixels), face
    factor = size / max(height, width)
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, shape, interpolation=how), face.scaled(shape[0] / width)


def assemble_layers(
    pixels: NDArray[np.uint8],
    face: FaceLandmarks,
    model: FaceModel,
    posed: PosedModel,
    matting: MattingLayers,
    mesh: PortraitMesh,
    frame: NDArray[np.bool_] | None,
    corrections: Corrections = ALL_CORRECTIONS,
) -> Layers:
    """Build eyes and mouth and put all layers together."""
    eyes = build_eyes(pixels, face, model, posed, mesh, corrections)
    white = max(eye.white for eye in eyes.values())
    openings = [opening.outline(mesh.pixels) for opening in mesh.eyes.values()]
    light = exposure(white, light_of_eyes(pixels, openings))
    mouth = build_mouth(model, posed, pixels, mesh, light, corrections)
    marks = landmark_rig(model, posed)
    layers = Layers(
        pixels, matting, mesh, mouth, eyes, posed.camera, posed.rotation, marks, frame, {}
    )
    return replace(layers, lids=build_lids(pixels, layers))


def build_lids(photo: NDArray[np.uint8], layers: Layers) -> dict[str, LidCover]:
    """Make the skin of both upper lids from the photo (H, W, 3), as taken or with edits."""
    mesh, unit = layers.mesh, layers.camera.scale
    return {
        side: build_lid_cover(
            photo, mesh.pixels[opening.upper], mesh.pixels[opening.lower], unit, layers.frame
        )
        for side, opening in mesh.eyes.items()
    }
