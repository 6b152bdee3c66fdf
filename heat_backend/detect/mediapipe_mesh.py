# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe FaceMesh, whose models come inside its wheel."""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere
from heat_backend.detect.landmarks import FaceLandmarks

# FaceMesh's own face finder works on a picture of this order; larger ones only cost time.
WORKING_SIDE = 1280
MAX_FACES = 8


class MediapipeMesh:
    """FaceMesh in static mode with refined lips, eyes and irises."""

    name = "mediapipe"

    def __init__(self, mesh: Any) -> None:
        self._mesh = mesh

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find all faces in RGB ``pixels`` (H, W, 3), largest first."""
        faces = self._detect_at(pixels)
        if not faces:
            # A face that fills the frame, or a small one, is out of the finder's range as it is.
            for margin, zoom in ((0.35, 1.0), (0.0, 2.0)):
                faces = self._detect_padded(pixels, margin, zoom)
                if faces:
                    break
        return sorted(faces, key=lambda face: -face.size)

    def _detect_at(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        height, width = pixels.shape[:2]
        scale = min(1.0, WORKING_SIDE / max(height, width))
        view = pixels
        if scale < 1.0:
            view = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = self._mesh.process(np.ascontiguousarray(view)).multi_face_landmarks or []
        unit = np.array([width, height, width], np.float32)
        return [
            FaceLandmarks(np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * unit)
            for face in found
        ]

    def _detect_padded(
        self, pixels: NDArray[np.uint8], margin: float, zoom: float
    ) -> list[FaceLandmarks]:
        height, width = pixels.shape[:2]
        pad = int(margin * max(height, width))
        view = cv2.copyMakeBorder(pixels, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        if zoom != 1.0:
            if max(height, width) * zoom > 2 * WORKING_SIDE:
                return []
            view = cv2.resize(view, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
        shift = np.array([pad, pad, 0], np.float32)
        return [FaceLandmarks(f.points / zoom - shift) for f in self._detect_at(view)]


def create() -> MediapipeMesh:
    """Load FaceMesh.

    Raises
    ------
    bridge.errors.MissingHere
        When mediapipe or its models are not installed.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import mediapipe

        mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True,
            max_num_faces=MAX_FACES,
            refine_landmarks=True,
            min_detection_confidence=0.4,
        )
    except (ImportError, AttributeError, FileNotFoundError) as error:
        raise MissingHere(
            "mediapipe 0.10.21 is not installed: run  python -m pip install mediapipe==0.10.21"
        ) from error
    return MediapipeMesh(mesh)
