# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction for turned pictures: faces on their side or upside down, which FaceMesh misreads.

For: photos turned by quarters, and people lying down. A face is compared with the face model's
neutral; where it is too unlike, the picture is searched again turned by quarters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bridge import face_model
from bridge.coefficients import EXPRESSION_INDEX
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.rigid_alignment import nearest_rotation

# Outer-eye distances; 200 faces, the test portraits and films detected rightly stay below 0.084,
# and a head upside down that is read as an upright one reaches 0.093.
UNLIKE = 0.088
BETTER = 0.75  # of the unlikeness: below it another way up is taken; by eye on the test photos
AS_GOOD = 1.1  # the same for a lying face, which FaceMesh detects worse than an upright one
JAWS = (0.0, 0.5, 1.0, 1.5)  # weights of jawOpen: mouths from shut to shouting
LYING = np.radians(50.0)  # roll from which a face counts as lying on its side


@functools.cache
def _usual() -> tuple[NDArray[np.float64], ...]:
    """Landmarks (468, 3) of the neutral face for each of ``JAWS``; y down, z away."""
    model = face_model.load()
    still = face_model.landmarks(model, model.vertices.astype(np.float64))
    jaw = face_model.landmarks(model, model.expression[EXPRESSION_INDEX["jawOpen"]])
    shapes = [(still + opened * jaw) * (1.0, -1.0, -1.0) for opened in JAWS]
    return tuple(np.asarray(shape - shape.mean(axis=0), np.float64) for shape in shapes)


def unlikeness(face: FaceLandmarks) -> float:
    """Root mean square distance to a usual face, best laid on it, in outer-eye distances.

    Turn, size, place and an open mouth do not count (least squares similarity, Umeyama 1991);
    depth counts half, since it is regressed from one picture.
    """
    seen = face.points[:468].astype(np.float64)
    seen = seen - seen.mean(axis=0)
    return min(_distance(usual, seen) for usual in _usual())


def _distance(usual: NDArray[np.float64], seen: NDArray[np.float64]) -> float:
    turn, trace = nearest_rotation(usual.T @ seen)
    scale = float(trace / (usual**2).sum())
    missed = (seen - scale * usual @ turn) * (1.0, 1.0, 0.5) / max(scale, 1e-9)
    return float(np.sqrt((missed**2).sum(axis=1).mean()))


def best_way_up(
    pixels: NDArray[np.uint8],
    faces: list[FaceLandmarks],
    detect: Callable[[NDArray[np.uint8]], list[FaceLandmarks]],
) -> list[FaceLandmarks]:
    """Detect again in the picture turned by quarters where the largest face is unlike one or lies.

    For: photos turned by quarters, and people lying down.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    faces : list of FaceLandmarks
        Found in it, largest first.
    detect : callable
        Finds faces in a picture, largest first.

    Returns
    -------
    list of FaceLandmarks
        In the picture as it is, largest first.
    """
    if not faces:
        return faces
    own, roll = unlikeness(faces[0]), faces[0].head_angles()[2]
    if own > UNLIKE:
        ways, least = [1, 2, 3], own * BETTER
    elif abs(roll) > LYING:
        # A likely face on its side: only the turn that sets it upright can be the right one.
        ways, least = [round(-roll / (np.pi / 2)) % 4], own * AS_GOOD
    else:
        return faces
    height, width = pixels.shape[:2]
    best = faces
    for quarters in ways:
        found = detect(np.ascontiguousarray(np.rot90(pixels, quarters)))
        if found and unlikeness(found[0]) < least:
            least = unlikeness(found[0])
            best = [turned_back(face, quarters, width, height) for face in found]
    return best


def turned_back(face: FaceLandmarks, quarters: int, width: int, height: int) -> FaceLandmarks:
    """Take landmarks found in ``np.rot90(picture, quarters)`` back to the picture.

    Parameters
    ----------
    face : FaceLandmarks
    quarters : int
        Quarter turns to the left, 0..3.
    width, height : int
        Of the picture before it was turned, pixels.
    """
    x, y, z = face.points.T
    if quarters % 4 == 1:
        x, y = width - 1 - y, x
    elif quarters % 4 == 2:
        x, y = width - 1 - x, height - 1 - y
    elif quarters % 4 == 3:
        x, y = y, height - 1 - x
    return FaceLandmarks(np.stack([x, y, z], axis=1).astype(np.float32))
