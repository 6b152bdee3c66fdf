# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks by MediaPipe FaceMesh, on photos and frame by frame on videos.

Its models come inside the wheel of ``mediapipe``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere
from heat_backend.detect.orientation import best_way_up
from heat_backend.geometry.face_landmarks import FaceLandmarks

WORKING_SIDE = 1280  # pixels; the networks see a face at 192, larger pictures only cost time
MAX_FACES = 8  # a group photo; each costs time
ENLARGE_TO = 384  # pixels: the landmark network sees 192, and a crop holds a face and its margin
SAME_FACE = 0.4  # overlap over the smaller box from which two detections are one face

Box = tuple[float, float, float, float]  # left, top, width, height


class FaceMesh:
    """FaceMesh in static mode with refined lips, eyes and irises."""

    name = "mediapipe"

    def __init__(self, mesh: Any, finder: Any) -> None:
        self._mesh = mesh
        self._finder = finder

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find all faces in RGB ``pixels`` (H, W, 3), largest first."""
        return best_way_up(pixels, self._detect_upright(pixels), self._detect_upright)

    def _detect_upright(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        faces = self._detect_at(pixels)
        boxes = self._far_boxes(pixels)
        if not faces and not boxes:
            boxes = _windows(pixels.shape[1], pixels.shape[0])
        for box in boxes:
            if not any(_overlap(face.box, box) > SAME_FACE for face in faces):
                faces += [
                    found
                    for found in self._detect_in(pixels, box)
                    if not any(_overlap(face.box, found.box) > SAME_FACE for face in faces)
                ]
        if not faces:
            # A face that fills the frame is out of the finders' range until it has a margin.
            height, width = pixels.shape[:2]
            margin = 0.35 * max(height, width)
            faces = self._detect_in(
                pixels, (-margin, -margin, width + 2 * margin, height + 2 * margin), around=0.0
            )
        return sorted(faces, key=lambda face: -face.size)

    def _detect_at(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        height, width = pixels.shape[:2]
        scale = min(1.0, WORKING_SIDE / max(height, width))
        view = pixels
        if scale < 1.0:
            view = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = self._mesh.process(np.ascontiguousarray(view)).multi_face_landmarks or []
        return _in_pixels(found, width, height)

    def _far_boxes(self, pixels: NDArray[np.uint8]) -> list[Box]:
        """Boxes of small faces, for which FaceMesh's own short-range finder is not made."""
        height, width = pixels.shape[:2]
        boxes = []
        for found in self._finder.process(pixels).detections or []:
            b = found.location_data.relative_bounding_box
            boxes.append((b.xmin * width, b.ymin * height, b.width * width, b.height * height))
        return boxes

    def _detect_in(
        self, pixels: NDArray[np.uint8], box: Box, around: float = 0.6
    ) -> list[FaceLandmarks]:
        """Detect in a box grown by ``around`` of its size, enlarged if it is small."""
        height, width = pixels.shape[:2]
        left, top, w, h = box
        x0, y0 = int(left - around * w), int(top - around * h)
        x1, y1 = int(left + (1 + around) * w) + 1, int(top + (1 + around) * h) + 1
        pads = max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width)
        view = cv2.copyMakeBorder(pixels, *pads, cv2.BORDER_REPLICATE)
        view = view[y0 + pads[0] : y1 + pads[0], x0 + pads[2] : x1 + pads[2]]
        if min(view.shape[:2]) < 8:
            return []
        zoom = max(1.0, ENLARGE_TO / max(view.shape[:2]))
        view = cv2.resize(view, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
        shift = np.array([x0, y0, 0], np.float32)
        return [FaceLandmarks(f.points / zoom + shift) for f in self._detect_at(view)]


def _windows(width: int, height: int) -> list[Box]:
    """Overlapping squares over a picture in which no face was found at first."""
    boxes = []
    for share in (1.0, 0.5):
        side = share * min(width, height)
        for x in np.linspace(0.0, width - side, max(1, round(2 * width / side) - 1)):
            for y in np.linspace(0.0, height - side, max(1, round(2 * height / side) - 1)):
                boxes.append((float(x), float(y), side, side))
    # The grown search area (see _detect_in) is the square itself.
    return [(x + 0.27 * s, y + 0.27 * s, 0.46 * s, 0.46 * s) for x, y, s, _ in boxes]


def _overlap(a: Box, b: Box) -> float:
    """Intersection of two boxes over the smaller one's area."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    least = max(1.0, min(a[2] * a[3], b[2] * b[3]))
    return max(0.0, w) * max(0.0, h) / least


def _in_pixels(found: Any, width: int, height: int) -> list[FaceLandmarks]:
    """Landmarks of mediapipe, which are shares of a picture's sides, in its pixels."""
    unit = np.array([width, height, width], np.float32)
    return [
        FaceLandmarks(np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * unit)
        for face in found
    ]


class TrackingFaceMesh:
    """FaceMesh that starts each frame from where the face was in the frame before."""

    name = "mediapipe"

    def __init__(self, mesh: Any) -> None:
        self._mesh = mesh

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find the faces in RGB ``pixels`` (H, W, 3), largest first."""
        found = self._mesh.process(pixels).multi_face_landmarks or []
        faces = _in_pixels(found, pixels.shape[1], pixels.shape[0])
        return sorted(faces, key=lambda face: -face.size)


def create() -> FaceMesh:
    """Load FaceMesh.

    Raises
    ------
    bridge.errors.MissingHere
        When mediapipe or its models are not installed.
    """
    with _mediapipe() as solutions:
        mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=True,
            max_num_faces=MAX_FACES,
            refine_landmarks=True,
            min_detection_confidence=0.4,  # below mediapipe's 0.5: faces in odd light count, too
        )
        # Model 1 is the full-range finder, for faces some metres away; 0.5 is mediapipe's default.
        finder = solutions.face_detection.FaceDetection(
            model_selection=1, min_detection_confidence=0.5
        )
    return FaceMesh(mesh, finder)


def create_tracking(faces: int = 1) -> TrackingFaceMesh:
    """Load FaceMesh for videos with up to so many faces.

    Raises
    ------
    bridge.errors.MissingHere
        When mediapipe is not installed.
    """
    with _mediapipe() as solutions:
        mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=False,
            max_num_faces=faces,
            refine_landmarks=True,
            min_detection_confidence=0.4,
            min_tracking_confidence=0.5,
        )
    return TrackingFaceMesh(mesh)


@contextmanager
def _mediapipe() -> Iterator[Any]:
    """Give mediapipe's solutions, quiet; what is missing is reported as ``MissingHere``."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import mediapipe

        yield mediapipe.solutions
    except (ImportError, AttributeError, FileNotFoundError) as error:
        raise MissingHere(
            "mediapipe 0.10.21 is not installed: run  python -m pip install mediapipe==0.10.21"
        ) from error
