# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks by MediaPipe's Face Landmarker, on photos and frame by frame on videos.

Its three networks lie in ``models``, converted from ``face_landmarker.task`` by
``tools/network_conversion``.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.face_crop import SIDE, FaceCrop, expression_scores, landmarks
from heat_backend.detect.face_finder import FAR, FARTHEST, NEAR, FoundFace, find_faces
from heat_backend.detect.orientation import best_way_up
from heat_backend.detect.working_view import working_view
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.inference.network import Network

WORKING_SIDE = 1280  # pixels; larger pictures only cost time, small faces in them apart
LEAST_SCORE = 0.4  # below MediaPipe's 0.5: faces in odd light count, too
LEAST_SCORE = 0.4  # a picture seen large has more places that look like a face
LEAST_PRESENCE = 0.5  # MediaPipe's
SMALL = 0.2  # width over the picture's longer side: larger faces beside one found near are none
MAX_FACES = 8  # a group photo; each costs time
SAME_FACE = 0.4  # overlap over the smaller box from which two detections are one face
SAME_CROP = 0.5  # MediaPipe's: intersection over union from which a face found is one followed
# A face that is less sure, or was set less upright by the finder, is read again in the square
# around its own landmarks. There the presence of true ones rises to 1, that of patterns falls to 0.
SURE_PRESENCE, MOST_TILT = 0.99, np.radians(10.0)
MARGIN = 0.35  # of a picture that a face fills

# Of a run; landmarks do not depend on it. Two cores are left to what else runs: threads that wait
# for each other would only slow a busy machine down.
THREADS = 2 if (os.cpu_count() or 1) >= 4 else 1

_MODELS = Path(__file__).parent / "models"

Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Networks:
    """The three networks. Several threads may use them at the same time."""

    finder: Network
    landmarks: Network
    scores: Network


@functools.cache
def networks() -> Networks:
    """Open the networks, once in a process.

    Raises
    ------
    bridge.errors.MissingHere
        When the runtime is not installed, or a file is missing or damaged.
    """
    files = ("face_detector.onnx", "face_landmarks.onnx", "face_blendshapes.onnx")
    return Networks(*(Network(_MODELS / file, THREADS) for file in files))


class FaceLandmarker:
    """Finds the faces of photos, each picture for itself."""

    name = "mediapipe"

    def __init__(self, nets: Networks) -> None:
        self._nets = nets

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find all faces in RGB ``pixels`` (H, W, 3), largest first."""
        return best_way_up(pixels, self._detect_upright(pixels), self._detect_upright)

    def expression(self, face: FaceLandmarks) -> NDArray[np.float32]:
        """Score the expression of a face; see :func:`expression_scores`."""
        return expression_scores(self._nets.scores, face.points)

    def _detect_upright(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        view = working_view(pixels, WORKING_SIDE)
        finder = self._nets.finder
        faces = self._landmarks(pixels, view, find_faces(finder, view, NEAR, LEAST_SCORE), [])
        far = find_faces(finder, view, FAR, LEAST_SCORE)
        if faces:
            far = [face for face in far if face.width < SMALL * max(view.shape[:2])]
        faces = self._landmarks(pixels, view, far, faces)
        if not faces:
            found = find_faces(finder, view, FARTHEST, LEAST_SCORE)
            faces = self._landmarks(pixels, view, found, [])
        if not faces:
            # A face that fills the frame is out of the finder's range until it has a margin.
            found = find_faces(finder, view, NEAR, LEAST_SCORE, margin=MARGIN)
            faces = self._landmarks(pixels, view, found, [])
        return sorted(faces, key=lambda face: -face.size)

    def _landmarks(
        self,
        pixels: NDArray[np.uint8],
        view: NDArray[np.uint8],
        found: list[FoundFace],
        known: list[FaceLandmarks],
    ) -> list[FaceLandmarks]:
        """Known faces and those found in the view that are others; all in the picture's pixels."""
        faces = list(known)
        zoom = view.shape[1] / pixels.shape[1]
        for candidate in found[:MAX_FACES]:
            left, top, right, bottom = (candidate.box + 0.5) / zoom - 0.5
            box = (left, top, right - left, bottom - top)
            if any(_overlap(face.box, box) > SAME_FACE for face in faces):
                continue
            face = self._face(pixels, view, FaceCrop.around(candidate))
            if face and not any(_overlap(other.box, face.box) > SAME_FACE for other in faces):
                faces.append(face)
        return faces

    def _face(
        self, pixels: NDArray[np.uint8], view: NDArray[np.uint8], crop: FaceCrop
    ) -> FaceLandmarks | None:
        zoom = view.shape[1] / pixels.shape[1]
        if zoom < 1.0 and crop.side < SIDE:  # small: the picture itself shows more of it
            view, crop, zoom = pixels, crop.scaled(1.0 / zoom), 1.0
        presence, points = landmarks(self._nets.landmarks, view, crop)
        better = FaceCrop.around_landmarks(points)
        sure = presence > SURE_PRESENCE and abs(_turn(crop, better)) < MOST_TILT
        if presence > LEAST_PRESENCE and not sure:
            presence, points = landmarks(self._nets.landmarks, view, better)
        return FaceLandmarks(points).scaled(1.0 / zoom) if presence > LEAST_PRESENCE else None


def _turn(a: FaceCrop, b: FaceCrop) -> float:
    """Angle from one square to another, radians, -pi..pi."""
    return float((b.angle - a.angle + np.pi) % (2 * np.pi) - np.pi)


def _overlap(a: Box, b: Box) -> float:
    """Intersection of two boxes over the smaller one's area."""
    least = max(1.0, min(a[2] * a[3], b[2] * b[3]))
    return _shared(a, b) / least


def _shared(a: Box, b: Box) -> float:
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, w) * max(0.0, h)


class TrackingFaceLandmarker:
    """Finds faces in each frame from where they were in the frame before."""

    name = "mediapipe"

    def __init__(self, nets: Networks, faces: int) -> None:
        self._nets = nets
        self._faces = faces
        self._crops: list[FaceCrop] = []

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find the faces in RGB ``pixels`` (H, W, 3), largest first."""
        crops = self._crops
        if len(crops) < self._faces:
            found = find_faces(self._nets.finder, pixels, NEAR, LEAST_SCORE)
            new = [FaceCrop.around(face) for face in found]
            crops = crops + [crop for crop in new if not any(_same(crop, c) for c in crops)]
        faces = []
        for crop in crops[: self._faces]:
            presence, points = landmarks(self._nets.landmarks, pixels, crop)
            if presence > LEAST_PRESENCE:
                faces.append(FaceLandmarks(points))
        self._crops = [FaceCrop.around_landmarks(face.points) for face in faces]
        return sorted(faces, key=lambda face: -face.size)


def _same(a: FaceCrop, b: FaceCrop) -> bool:
    """Whether two squares, taken as upright, show the same face."""
    shared = _shared(a.box, b.box)
    return shared > SAME_CROP * (a.side**2 + b.side**2 - shared)


def create() -> FaceLandmarker:
    """Make the detector for photos; see :func:`networks` for what can fail."""
    return FaceLandmarker(networks())


def create_tracking(faces: int = 1) -> TrackingFaceLandmarker:
    """Make the detector for videos with up to so many faces, as :func:`create` does."""
    return TrackingFaceLandmarker(networks(), faces)
