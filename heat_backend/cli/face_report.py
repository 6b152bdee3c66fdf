# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be hard about driving a face, judged from its landmarks alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.detector import MIN_FACE_PX
from heat_backend.geometry.face_landmarks import FaceLandmarks

_SMALL_FACE_PX = 200
_TURNED_DEGREES = 20.0
_PROFILE_DEGREES = 35.0
_STEEP_DEGREES = 30.0
_LYING_DEGREES = 60.0
# Median luminance of a face, 0..255: photos lit as usual stay between 80 and 200.
_DARK_FACE, _BRIGHT_FACE = 40.0, 235.0
# FaceMesh lays foreheads too far forward: faces that look straight ahead read about this much down.
_FRONTAL_PITCH = 7.0
# Video of real people blinking stays below this opening; an open eye reads 0.2 to 0.4.
_CLOSED_EYE = 0.12
_OPEN_MOUTH = 0.08

# FaceMesh landmarks: two lid pairs, then the inner and outer corner, for each eye.
_EYES = (((159, 145), (158, 153), (33, 133)), ((386, 374), (385, 380), (263, 362)))
_INNER_LIPS = (13, 14)

UNCHECKED = "glasses, hair or hands over the face, and strong shadows, are not looked for"


def pose_degrees(face: FaceLandmarks) -> dict[str, float]:
    """Return the head's pitch, yaw and roll in degrees, in the contract's signs."""
    names = ("pitch", "yaw", "roll")
    pose = dict(zip(names, map(math.degrees, face.head_angles()), strict=True))
    pose["pitch"] -= _FRONTAL_PITCH
    return pose


def difficulties(face: FaceLandmarks, faces: int, width: int, height: int) -> list[str]:
    """Say what about this face will look worse than an easy one would.

    Parameters
    ----------
    face : FaceLandmarks
        The face to drive.
    faces : int
        How many were found in the picture.
    width, height : int
        Size of the picture, pixels.
    """
    return [
        *_size_and_place(face, width, height),
        *_turned(face),
        *_expression(face),
        *([f"{faces} faces in the picture: --face chooses one"] if faces > 1 else []),
    ]


def lighting(face: FaceLandmarks, pixels: NDArray[np.uint8]) -> list[str]:
    """Say whether the face in RGB ``pixels`` (H, W, 3) is too dark or burnt out."""
    left, top, width, height = face.box
    rows = slice(max(0, round(top)), max(0, round(top + height)))
    columns = slice(max(0, round(left)), max(0, round(left + width)))
    crop = pixels[rows, columns]
    if crop.size == 0:
        return []
    light = float(np.median(crop @ np.array((0.299, 0.587, 0.114))))
    if light < _DARK_FACE:
        return ["the face is very dark: what moves will show little, brighten the photo first"]
    if light > _BRIGHT_FACE:
        return ["the face is overexposed: its shape is hardly to be seen"]
    return []


def _size_and_place(face: FaceLandmarks, width: int, height: int) -> list[str]:
    found = []
    left, top, box_width, box_height = face.box
    if face.size < MIN_FACE_PX:
        found.append(
            f"the face is only {face.size:.0f} pixels high: at least {MIN_FACE_PX} are needed"
        )
    elif face.size < _SMALL_FACE_PX:
        found.append(f"the face is small ({face.size:.0f} pixels high): details will be soft")
    if min(left, top) < 0 or left + box_width > width or top + box_height > height:
        found.append("the face is cut off by the edge of the picture")
    return found


def _turned(face: FaceLandmarks) -> list[str]:
    pose = pose_degrees(face)
    found = []
    if abs(pose["yaw"]) > _TURNED_DEGREES:
        side = "right" if pose["yaw"] > 0 else "left"
        turned = f"the head is turned by {abs(pose['yaw']):.0f} degrees to the picture's {side}"
        if abs(pose["yaw"]) > _PROFILE_DEGREES:
            found.append(f"{turned}, nearly a profile: the far side of the face is made up")
        else:
            found.append(f"{turned}: the far side of the face has little detail")
    if abs(pose["pitch"]) > _STEEP_DEGREES:
        way = "down" if pose["pitch"] > 0 else "up"
        found.append(f"the head looks {way} by {abs(pose['pitch']):.0f} degrees")
    if abs(pose["roll"]) > _STEEP_DEGREES:
        upright = ": turn the photo upright first" if abs(pose["roll"]) > _LYING_DEGREES else ""
        found.append(f"the head is tilted by {abs(pose['roll']):.0f} degrees{upright}")
    return found


def _expression(face: FaceLandmarks) -> list[str]:
    found = []
    if max(_eye_opening(face.points, eye) for eye in _EYES) < _CLOSED_EYE:
        found.append("the eyes are closed: opened ones are made up")
    upper, lower = _INNER_LIPS
    if _distance(face.points, upper, lower) > _OPEN_MOUTH * face.outer_eye_distance:
        found.append("the mouth is open in the photo: --neutralise closes it first")
    return found


def _eye_opening(
    points: NDArray[np.float32], eye: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
) -> float:
    first, second, corners = eye
    width = max(_distance(points, *corners), 1e-6)
    return (_distance(points, *first) + _distance(points, *second)) / (2 * width)


def _distance(points: NDArray[np.float32], a: int, b: int) -> float:
    return float(np.linalg.norm(points[a, :2] - points[b, :2]))
