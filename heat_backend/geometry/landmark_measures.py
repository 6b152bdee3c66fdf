# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures on tracked landmarks: head axes, openings, distances, gaze.

All take FaceMesh landmarks (478, 3) in pixels, y down, z scaled like x and away from the viewer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.pose import rotation_angles
from heat_backend.geometry.face_landmarks import head_axes

Points = NDArray[np.floating]
SIDES = ("Right", "Left")  # the subject's

_LIDS = {"Right": ((159, 145), (158, 153), (33, 133)), "Left": ((386, 374), (385, 380), (263, 362))}
_BROW = {"Right": ((105, 66, 107), (33, 133)), "Left": ((334, 296, 336), (263, 362))}
_IRIS = {"Right": (468, 33, 133), "Left": (473, 263, 362)}


def upright(points: Points, still: Points) -> NDArray[np.float64]:
    """Landmarks (468, 3) along a still frame's head axes, y up, in its outer-eye distances."""
    flipped = points[:468] * (1.0, -1.0, -1.0)
    unit = float(np.linalg.norm(still[33, :2] - still[263, :2]))
    return np.asarray(flipped @ head_axes(still) / unit, np.float64)


def _apart(points: Points, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a, :2] - points[b, :2]))


def eye_distance(points: Points) -> float:
    """Distance of the outer eye corners in the picture, pixels."""
    return _apart(points, 33, 263)


def pose_change(points: Points, still: Points) -> NDArray[np.float64]:
    """Pitch, yaw, roll in degrees by which the head is turned against a still frame."""
    return np.degrees(rotation_angles(head_axes(points) @ head_axes(still).T))


def eye_opening(points: Points, side: str) -> float:
    """Mean lid distance over the eye's width."""
    first, second, corners = _LIDS[side]
    return 0.5 * (_apart(points, *first) + _apart(points, *second)) / _apart(points, *corners)


def mouth_opening(points: Points) -> float:
    """Inner-lip gap over the outer-eye distance."""
    return _apart(points, 13, 14) / eye_distance(points)


def mouth_width(points: Points) -> float:
    """Distance of the mouth corners over the outer-eye distance."""
    return _apart(points, 61, 291) / eye_distance(points)


def brow_height(points: Points, side: str) -> float:
    """Distance of brow and eye over the outer-eye distance."""
    brow, eye = _BROW[side]
    gap = points[list(brow), :2].mean(axis=0) - points[list(eye), :2].mean(axis=0)
    return float(np.linalg.norm(gap)) / eye_distance(points)


def gaze(points: Points, side: str) -> NDArray[np.float64]:
    """Iris centre against the eye's middle, over the eye's width; x to image right, y down."""
    iris, outer, inner = _IRIS[side]
    middle = points[[outer, inner], :2].mean(axis=0)
    return np.asarray((points[iris, :2] - middle) / _apart(points, outer, inner), np.float64)
