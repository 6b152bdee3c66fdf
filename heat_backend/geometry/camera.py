# SPDX-License-Identifier: GPL-3.0-or-later
"""Perspective camera of a photo: projection to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Distance of camera and head in outer-eye distances (9 cm): about 1.1 m, usual for portraits. One
# photo does not determine it: distance and depth of the face trade off against each other.
VIEWING_DISTANCE = 12.0


@dataclass(frozen=True)
class Camera:
    """Perspective camera looking down -z at the head's pivot.

    Attributes
    ----------
    scale : float
        Pixels per model unit at the pivot's depth.
    center : tuple of float
        Where the pivot of the head at rest stands in the picture, pixels, y down.
    distance : float
        From the pivot to the camera, model units.
    """

    scale: float
    center: tuple[float, float]
    distance: float = VIEWING_DISTANCE

    def project(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Project (..., 3) points in contract axes about the pivot to (..., 2) pixels."""
        grown = self.scale * self.distance / (self.distance - points[..., 2])
        pixels = points[..., :2] * grown[..., None]
        pixels[..., 0] += self.center[0]
        np.subtract(self.center[1], pixels[..., 1], out=pixels[..., 1])
        return pixels

    def unproject(
        self, pixels: NDArray[np.floating], z: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Points (..., 3) at depth ``z`` (...) that project to ``pixels`` (..., 2)."""
        grown = self.scale * self.distance / (self.distance - z)
        x = (pixels[..., 0] - self.center[0]) / grown
        y = (self.center[1] - pixels[..., 1]) / grown
        return np.stack([x, y, z], axis=-1)

    def scaled(self, factor: float) -> Camera:
        """Return the camera for a picture resized by ``factor`` (pixel centres at integers)."""
        x, y = ((value + 0.5) * factor - 0.5 for value in self.center)
        return Camera(self.scale * factor, (x, y), self.distance)
