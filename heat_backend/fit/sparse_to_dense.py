# SPDX-License-Identifier: GPL-3.0-or-later
"""Dense FaceMesh landmarks from the 68 points of 300-W, by fitting the face model."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge import face_model
from bridge.face_model import FaceModel
from heat_backend.fit.landmark_fit import FaceFit, fit_points
from heat_backend.fit.posed_model import landmark_shift
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import EYES, JAW_68, LANDMARKS_68

_SEARCH = np.linspace(-0.75, 0.75, 13)  # of the iris' radius, both ways at first


def dense_landmarks(pixels: NDArray[np.uint8], points: NDArray[np.floating]) -> FaceLandmarks:
    """Extend 68 points to all FaceMesh landmarks and the irises, by fitting the face model.

    The model is fitted to the points; what they leave over shifts its other landmarks along, so
    that the points given are kept. Irises are the darkest discs between the lids.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        The picture.
    points : ndarray, shape (68, 2)
        In the order of 300-W, pixels, y down.
    """
    model = face_model.load()
    fit = fit_points(model, np.array(LANDMARKS_68), points)
    shaped = face_model.shape(model, fit.identity, fit.expression).astype(np.float64)
    posed = face_model.landmarks(model, shaped @ fit.rotation.T)
    places = fit.camera.project(posed)
    # The jaw's points follow the visible outline and not the skin: they give no local shift.
    inner = np.arange(len(JAW_68), len(LANDMARKS_68))
    known = np.array(LANDMARKS_68)[inner]
    places += landmark_shift(places, places[known], points[inner] - places[known], fit.camera.scale)
    places[known] = points[inner]
    depth = -posed[:, 2] * fit.camera.scale
    skin = np.concatenate([places, depth[:, None]], axis=1)
    irises = [_iris(model, fit, pixels, skin, side) for side in (0, 1)]
    return FaceLandmarks(np.concatenate([skin, *irises]).astype(np.float32))


def _iris(
    model: FaceModel,
    fit: FaceFit,
    pixels: NDArray[np.uint8],
    skin: NDArray[np.floating],
    side: int,
) -> NDArray[np.float64]:
    """Centre and ring (5, 3) of one iris; ``side`` 0 is the subject's right, 1 the left."""
    lids = skin[EYES[side]]
    radius = float(model.eye_radius[1 - side] * np.sin(model.iris_angle) * fit.camera.scale)
    middle = lids[:, :2].mean(axis=0)
    center = _darkest(pixels, lids[:, :2], middle, radius)
    ring = np.array([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)], np.float64) * radius
    if side == 1:
        ring[:, 0] *= -1.0
    flat = center + ring
    return np.concatenate([flat, np.full((5, 1), lids[:, 2].mean())], axis=1)


def _darkest(
    pixels: NDArray[np.uint8],
    lids: NDArray[np.floating],
    middle: NDArray[np.floating],
    radius: float,
) -> NDArray[np.float64]:
    """Where a disc of ``radius`` sees least light between the lids (M, 2)."""
    reach = int(np.ceil(np.ptp(lids[:, 0]))) + 2
    corner = np.floor(middle).astype(int) - reach
    size = 2 * reach + 1
    height, width = pixels.shape[:2]
    columns = np.clip(np.arange(corner[0], corner[0] + size), 0, width - 1)
    rows = np.clip(np.arange(corner[1], corner[1] + size), 0, height - 1)
    light = pixels[np.ix_(rows, columns)].astype(np.float64) @ (0.299, 0.587, 0.114)
    opening = np.zeros((size, size), np.uint8)
    cv2.fillPoly(opening, [np.rint(lids - corner).astype(np.int32)], 1)
    if opening.sum() < 4:
        return np.asarray(middle, np.float64)
    mean = light[opening > 0].mean()
    y, x = np.mgrid[0:size, 0:size]
    half = 0.5 * np.ptp(lids[:, 0])
    best, found = 0.0, np.asarray(middle, np.float64)
    for dx in _SEARCH * half:
        for dy in 0.5 * _SEARCH * radius:
            place = middle + np.array((dx, dy))
            disc = np.hypot(x + corner[0] - place[0], y + corner[1] - place[1]) <= radius
            seen = disc & (opening > 0)
            score = float((mean - light[seen]).sum())
            if score > best:
                best, found = score, place
    return found
