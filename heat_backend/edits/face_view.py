# SPDX-License-Identifier: GPL-3.0-or-later
"""A photo with what is known of its face: what the model covers, and the face's axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.polygon_mask import triangle_mask

Mask = NDArray[np.float32]

CHIN_LEVEL = -1.9  # outer-eye distances over the top of the face


@dataclass(frozen=True)
class View:
    """A photo and what is known of its face.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    lab : ndarray, shape (H, W, 3), float32
    alpha : ndarray, shape (H, W), float32
    face : FaceLandmarks
    model : FaceModel
    posed : PosedModel
    """

    pixels: NDArray[np.uint8]
    lab: NDArray[np.float32]
    alpha: Mask
    face: FaceLandmarks
    model: FaceModel
    posed: PosedModel

    def covered(self, *parts: str, below: float = np.inf) -> Mask:
        """1 where parts of the posed model cover the picture, up to a height of the neutral."""
        model = self.model
        wanted = np.isin(model.triangle_part, [PART_NAMES.index(part) for part in parts])
        wanted &= model.vertices[model.triangles, 1].mean(axis=1) < below
        covered = triangle_mask(self.posed.pixels, model.triangles[wanted], self.alpha.shape)
        return covered.astype(np.float32)

    def beside_axis(self) -> tuple[Mask, Mask, Mask]:
        """Height over the top of the face and over the brows, and how far aside; face units."""
        points = self.face.points[:, :2]
        unit = self.face.outer_eye_distance
        up = points[10] - points[152]
        up = up / max(float(np.hypot(*up)), 1e-6)
        v, u = np.mgrid[0 : self.alpha.shape[0], 0 : self.alpha.shape[1]].astype(np.float32)
        x, y = (u - points[10, 0]) / unit, (v - points[10, 1]) / unit
        height = x * up[0] + y * up[1]
        brow = points[[105, 334]].mean(axis=0) - points[10]
        over_brows = height - float(brow @ up) / unit
        return height, over_brows, np.abs(x * up[1] - y * up[0])
