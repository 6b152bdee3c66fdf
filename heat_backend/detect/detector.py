# SPDX-License-Identifier: GPL-3.0-or-later
"""The detector protocol, detectors by name, and the choice of one face among several."""

from __future__ import annotations

import importlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, UsageError
from heat_backend.geometry.face_landmarks import MIN_FACE_PX, FaceLandmarks

_DETECTORS = {
    "mediapipe": "heat_backend.detect.face_landmarker",
    "face-alignment": "heat_backend.detect.face_alignment",
}


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
