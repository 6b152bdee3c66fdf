# SPDX-License-Identifier: GPL-3.0-or-later
"""Both eyes of a portrait; their whites share the tint of the one that shows it purer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.detect.landmarks import FaceLandmarks
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.eyes import IRIS_CENTER, IRIS_RING, EyeLayer, build_eye
from heat_backend.layers.portrait_mesh import PortraitMesh

LEAST_RADIUS = 0.46  # of the width of the opening; people have 0.5 or more


def build_eyes(
    photo: NDArray[np.uint8],
    face: FaceLandmarks,
    model: FaceModel,
    posed: PosedModel,
    mesh: PortraitMesh,
) -> dict[str, EyeLayer]:
    """Complete what the lids hide of both eyes; keys are the subject's ``left`` and ``right``."""

    def build(side: str, tint: NDArray[np.float32] | None = None) -> EyeLayer:
        ball = posed.rest[model.vertex_part == PART_NAMES.index(f"eye_{side}")]
        center = ball.mean(axis=0)
        radius = float(np.linalg.norm(ball - center, axis=1).mean())
        grown = posed.camera.distance / (posed.camera.distance - center[2])
        outline = mesh.eyes[side].outline(mesh.pixels)
        # A drawn eye larger than a person's has a larger ball behind it.
        radius_px = max(radius * posed.unit * grown, LEAST_RADIUS * float(np.ptp(outline[:, 0])))
        return build_eye(
            photo,
            outline,
            face.points[IRIS_CENTER[side], :2],
            face.points[IRIS_RING[side], :2],
            center,
            posed.camera.project(center),
            radius_px,
            tint,
        )

    eyes = {side: build(side) for side in mesh.eyes}
    purest, other = sorted(eyes, key=lambda side: _impurity(eyes[side]))
    if eyes[purest].tint is not None:
        eyes[other] = build(other, eyes[purest].tint)
    return eyes


def _impurity(eye: EyeLayer) -> float:
    return float(np.inf if eye.tint is None else np.ptp(eye.tint))
