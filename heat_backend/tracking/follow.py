# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping to one face from frame to frame."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.detector import Detector, make_detector, numbered_face
from heat_backend.geometry.face_landmarks import FaceLandmarks

LARGEST_JUMP = 0.8  # of the face's size, between frames: farther off it is another face
LARGEST_GROWTH = 1.6
SETTLE = 4  # looks at the first frame


class Finder(Protocol):
    """What is asked for the faces of one frame after the other."""

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find the faces in RGB ``pixels`` (H, W, 3), largest first."""
        ...


class FaceFollower:
    """Finds the same face in each frame of a video.

    Parameters
    ----------
    detector : str
        Name, see :func:`heat_backend.detect.detector.make_detector`.
    number : int or None
        Which face, 1 is the largest of the first frame that has so many.

    Attributes
    ----------
    most_seen : int
        Most faces in one frame until the one meant was found.
    """

    def __init__(self, detector: str, number: int | None) -> None:
        self._still: Detector = make_detector(detector)
        self._moving: Finder = self._still
        self._quick = detector == "mediapipe"
        self._number = number or 1
        self.most_seen = 0
        self._last: FaceLandmarks | None = None

    def find(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Landmarks (478, 3) in pixels, or None where the face is not to be found."""
        if self._last is None:
            return self._start(pixels)
        found = self._nearest(self._moving.detect(pixels))
        if found is None:
            # The quick finder loses fast turns; the thorough one looks at the whole frame.
            found = self._nearest(self._still.detect(pixels))
        if found is not None:
            self._last = found
            return found.points
        return None

    def _start(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        faces = self._still.detect(pixels)
        self.most_seen = max(self.most_seen, len(faces))
        if len(faces) < self._number:
            return None
        self._last = numbered_face(faces, self._number, "the video")
        if self._quick:
            from heat_backend.detect.face_mesh import create_tracking

            self._moving = create_tracking(faces=1 if len(faces) == 1 else 4)
            # Each look starts from the last one's landmarks; the first ones wander.
            for _ in range(SETTLE):
                self._last = self._nearest(self._moving.detect(pixels)) or self._last
        return self._last.points

    def _nearest(self, faces: list[FaceLandmarks]) -> FaceLandmarks | None:
        last = self._last
        assert last is not None
        if not faces:
            return None
        centre = last.points[:468, :2].mean(axis=0)

        def away(face: FaceLandmarks) -> float:
            return float(np.linalg.norm(face.points[:468, :2].mean(axis=0) - centre))

        best = min(faces, key=away)
        growth = best.size / last.size
        near = away(best) <= LARGEST_JUMP * last.size
        return best if near and 1.0 / LARGEST_GROWTH < growth < LARGEST_GROWTH else None
