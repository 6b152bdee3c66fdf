# SPDX-License-Identifier: GPL-3.0-or-later
"""The dense landmarks of one face in a picture, and the head axes that they span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.pose import rotation_angles

MIN_FACE_PX = 64  # pixels; lower faces have eyes of some 10 pixels, too few to be moved


@dataclass(frozen=True)
class FaceLandmarks:
    """One face in a picture.

    Attributes
    ----------
    points : ndarray, shape (478, 3), float32
        FaceMesh landmarks; x to the right and y down in pixels of the picture, z in the same
        unit, growing away from the viewer. 0..467 lie on the skin, 468..477 on the irises.
    """

    points: NDArray[np.float32]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height of the skin landmarks, pixels."""
        low = self.points[:468, :2].min(axis=0)
        high = self.points[:468, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])

    @property
    def size(self) -> float:
        """Longer side of the box, pixels."""
        return max(self.box[2:])

    @property
    def outer_eye_distance(self) -> float:
        """Distance of the outer eye corners in the picture, pixels."""
        return float(np.hypot(*(self.points[33, :2] - self.points[263, :2])))

    def scaled(self, factor: float) -> FaceLandmarks:
        """Return the face in the picture resized by ``factor`` (pixel centres at integers)."""
        centre = np.array([0.5, 0.5, 0.0], np.float32)
        return FaceLandmarks((self.points + centre) * np.float32(factor) - centre)

    def head_angles(self) -> tuple[float, float, float]:
        """Pitch, yaw, roll in radians in the contract's axes, from the landmarks alone.

        The axes are the outer eye corners' line and the forehead-chin line made orthogonal; a
        frontal face reads a pitch of about +7 degrees (down), which is not corrected.
        """
        pitch, yaw, roll = rotation_angles(head_axes(self.points))
        return float(pitch), float(yaw), float(roll)


def head_axes(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Head axes as columns (3, 3): x along the eyes, y up the face, z to the viewer.

    Parameters
    ----------
    points : ndarray, shape (478, 3)
        Landmarks as in :class:`FaceLandmarks`.
    """
    flipped = points.astype(np.float64) * (1.0, -1.0, -1.0)
    x = flipped[263] - flipped[33]
    x /= np.linalg.norm(x)
    y = flipped[10] - flipped[152]
    y -= x * (x @ y)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)
