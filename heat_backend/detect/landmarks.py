# SPDX-License-Identifier: GPL-3.0-or-later
"""What a detector returns, and the choice of one face among several."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, UsageError
from bridge.pose import rotation_angles

_DETECTORS = {
    "mediapipe": "heat_backend.detect.mediapipe_mesh",
    "face-alignment": "heat_backend.detect.face_alignment_net",
}

MIN_FACE_PX = 64


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


class Detector(Protocol):
    """Finds faces and their landmarks."""

    name: str

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find all faces in RGB ``pixels`` (H, W, 3), largest first."""
        ...


def make_detector(name: str) -> Detector:
    """Make the detector called ``name``.

    Raises
    ------
    bridge.errors.UsageError
        When there is none of that name.
    bridge.errors.MissingHere
        When what it needs is not on this machine.
    """
    module = _DETECTORS.get(name)
    if module is None:
        raise UsageError(f"no detector named {name!r}; choose one of: {', '.join(_DETECTORS)}")
    detector: Detector = importlib.import_module(module).create()
    return detector


def numbered_face(faces: list[FaceLandmarks], number: int | None, name: str) -> FaceLandmarks:
    """Pick the largest face, or number N counted from 1 by size, whether it can be driven or not.

    Raises
    ------
    bridge.errors.BadInput
        When there is no face, or no face of that number.
    """
    if not faces:
        raise BadInput(
            f"no face found in {name}: use a photo that shows one face from the front, "
            "not in profile, and well lit"
        )
    if number is not None and not 1 <= number <= len(faces):
        if len(faces) == 1:
            shows = "shows only one face: leave the number (--face) out"
        else:
            shows = f"shows {len(faces)} faces: choose a number from 1 to {len(faces)}"
        raise BadInput(f"face {number} asked for, but {name} {shows}")
    return faces[(number or 1) - 1]


def choose_face(faces: list[FaceLandmarks], number: int | None, name: str) -> FaceLandmarks:
    """Pick the face to drive: the largest, or number N counted from 1 by size.

    Raises
    ------
    bridge.errors.BadInput
        When there is no face, no face of that number, or the face is too small to drive.
    """
    face = numbered_face(faces, number, name)
    if face.size < MIN_FACE_PX:
        raise BadInput(
            f"the face in {name} is only {face.size:.0f} pixels high: "
            f"use a photo where it has at least {MIN_FACE_PX}"
        )
    return face
