# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe FaceMesh in its tracking mode: faster and steadier on the frames of one film."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere
from heat_backend.detect.landmarks import FaceLandmarks


class MediapipeFilm:
    """FaceMesh that starts each frame from where the face was in the frame before."""

    name = "mediapipe"

    def __init__(self, mesh: Any) -> None:
        self._mesh = mesh

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find the faces in RGB ``pixels`` (H, W, 3), largest first."""
        height, width = pixels.shape[:2]
        unit = np.array([width, height, width], np.float32)
        found = self._mesh.process(pixels).multi_face_landmarks or []
        faces = [
            FaceLandmarks(np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * unit)
            for face in found
        ]
        return sorted(faces, key=lambda face: -face.size)


def create(faces: int = 1) -> MediapipeFilm:
    """Load FaceMesh for films with up to so many faces.

    Raises
    ------
    bridge.errors.MissingHere
        When mediapipe is not installed.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import mediapipe

        mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=False,
            max_num_faces=faces,
            refine_landmarks=True,
            min_detection_confidence=0.4,
            min_tracking_confidence=0.5,
        )
    except (ImportError, AttributeError, FileNotFoundError) as error:
        raise MissingHere(
            "mediapipe 0.10.21 is not installed: run  python -m pip install mediapipe==0.10.21"
        ) from error
    return MediapipeFilm(mesh)
