# SPDX-License-Identifier: GPL-3.0-or-later
"""Detection of the same face in each frame of a video."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.detector import Detector, make_detector, numbered_face
from heat_backend.geometry.face_landmarks import FaceLandmarks

# Between frames; beyond them it is another face. Chosen so that fast turns of a near head pass.
MAX_SHIFT = 0.8  # of the face's size
MAX_GROWTH = 1.6
SETTLING_ROUNDS = 4  # detections of the first frame, each from the landmarks of the last
MAX_FACES = 4  # that the tracking detector follows, where the first frame shows several


class FrameDetector(Protocol):
    """Detects the faces of one frame after the other."""

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
        Most faces in one frame until the wanted one was found.
    """

    def __init__(self, detector: str, number: int | None) -> None:
        self._image_detector: Detector = make_detector(detector)
        self._video_detector: FrameDetector = self._image_detector
        self._has_video_mode = detector == "mediapipe"
        self._number = number or 1
        self.most_seen = 0
        self._last: FaceLandmarks | None = None

    def find(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return landmarks (478, 3) in pixels, or None where the face is not found."""
        if self._last is None:
            return self._start(pixels)
        found = self._nearest(self._video_detector.detect(pixels))
        if found is None:
            # The video detector loses fast turns; the other searches the whole frame.
            found = self._nearest(self._image_detector.detect(pixels))
        if found is not None:
            self._last = found
            return found.points
        return None

    def _start(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        faces = self._image_detector.detect(pixels)
        self.most_seen = max(self.most_seen, len(faces))
        if len(faces) < self._number:
            return None
        self._last = numbered_face(faces, self._number, "the video")
        if self._has_video_mode:
            from heat_backend.detect.face_landmarker import create_tracking

            self._video_detector = create_tracking(faces=1 if len(faces) == 1 else MAX_FACES)
            # It starts from the landmarks of its last call, and the first ones are imprecise.
            for _ in range(SETTLING_ROUNDS):
                self._last = self._nearest(self._video_detector.detect(pixels)) or self._last
        return self._last.points

    def _nearest(self, faces: list[FaceLandmarks]) -> FaceLandmarks | None:
        last = self._last
        assert last is not None
        if not faces:
            return None
        centre = last.points[:468, :2].mean(axis=0)

        def distance(face: FaceLandmarks) -> float:
            return float(np.linalg.norm(face.points[:468, :2].mean(axis=0) - centre))

        best = min(faces, key=distance)
        growth = best.size / last.size
        near = distance(best) <= MAX_SHIFT * last.size
        return best if near and 1.0 / MAX_GROWTH < growth < MAX_GROWTH else None
