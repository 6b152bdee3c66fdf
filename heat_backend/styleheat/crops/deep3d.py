# SPDX-License-Identifier: GPL-3.0-or-later
"""The 224 px crop that Deep3DFaceRecon reads: face upright and of one size (arXiv 1903.08527).

Five landmarks are fitted to five points of the standard head by a scaled orthographic projection;
scale and position follow. The crop's numbers are entries 70 to 72 of the paper's 73-vector, so
every rounding here is part of the format. The 68 landmarks are those of iBUG 300-W, picked out of
FaceMesh's dense ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from heat_backend.geometry.landmark_contours import JAW_68, LANDMARKS_68

WITHOUT_JAW = slice(len(JAW_68), len(LANDMARKS_68))
"""All but the jaw, whose points are the outline of a picture rather than places on the skin."""


def landmarks_68(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pick the 68 landmarks out of FaceMesh's.

    Parameters
    ----------
    points : ndarray, shape (n >= 468, D)
        FaceMesh landmarks, in any frame and unit.

    Returns
    -------
    ndarray, shape (68, D), float64
        In the same frame.
    """
    return np.asarray(points, np.float64)[list(LANDMARKS_68)]


CROP_SIZE = 224
PICTURE_SIZE = 256
"""The reconstruction's pictures are resized to this before landmarks are looked for."""
_SCALE = 102.0  # pixels per unit of the standard head, as Deep3DFaceRecon


@dataclass(frozen=True)
class Deep3DCrop:
    """A face cut out for the reconstruction network.

    Attributes
    ----------
    pixels : ndarray, shape (224, 224, 3), uint8
        sRGB; black where the picture ends.
    landmarks : ndarray, shape (68, 2), float64
        In pixels of the crop, y upwards from its lower edge.
    transform : ndarray, shape (5,), float64
        Width and height of the picture, crop scale, tx, ty.
    """

    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.float64]
    transform: NDArray[np.float64]


def five_points(landmarks: NDArray) -> NDArray[np.float64]:
    """Reduce 68 landmarks (68, D) to left eye, right eye, nose and mouth corners (5, D)."""
    eyes = [landmarks[[36, 39]].mean(axis=0), landmarks[[42, 45]].mean(axis=0)]
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]]).astype(np.float64)


def fit_orthographic(points: NDArray, standard: NDArray) -> tuple[NDArray[np.float64], float]:
    """Fit a scaled orthographic view by linear least squares.

    Parameters
    ----------
    points : ndarray, shape (5, 2)
        In the picture, y upwards.
    standard : ndarray, shape (5, 3)
        The same points of the standard head.

    Returns
    -------
    shift : ndarray, shape (2,)
        Where the head's origin lies in the picture.
    scale : float
        Pixels per unit of the head.
    """
    ground = np.concatenate([standard, np.ones((len(standard), 1))], axis=1)
    view, *_ = np.linalg.lstsq(ground, points, rcond=None)  # (4, 2): each column one row of P
    scale = float(np.linalg.norm(view[:3, 0]) + np.linalg.norm(view[:3, 1])) / 2
    return view[3], scale


def cut(pixels: NDArray[np.uint8], landmarks: NDArray, standard: NDArray) -> Deep3DCrop:
    """Cut the face out of a picture.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        The picture.
    landmarks : ndarray, shape (68, 2)
        In its pixels, y downwards. All -1 where none were found: the standard head's places are
        taken.
    standard : ndarray, shape (5, 3)
        Five points of the standard head (see :func:`five_points`).
    """
    height, width = pixels.shape[:2]
    if np.all(landmarks == -1):
        upward = np.zeros((68, 2)) - 1.0
        points = (standard[:, :2] + 1) / 2 * np.array([width, height], np.float64)
    else:
        upward = np.array(landmarks, np.float64)
        upward[:, 1] = height - 1 - upward[:, 1]
        points = five_points(upward)
    (tx, ty), fitted = fit_orthographic(points, np.asarray(standard, np.float64))
    scale = _SCALE / fitted
    wide, high = int(width * scale), int(height * scale)
    left = int(wide / 2 - CROP_SIZE / 2 + (tx - width / 2) * scale)
    top = int(high / 2 - CROP_SIZE / 2 + (height / 2 - ty) * scale)
    picture = Image.fromarray(pixels).resize((wide, high), Image.Resampling.BICUBIC)
    box = (left, top, left + CROP_SIZE, top + CROP_SIZE)
    moved = (upward - (tx, ty) + (width / 2, height / 2)) * scale
    moved -= (wide / 2 - CROP_SIZE / 2, high / 2 - CROP_SIZE / 2)
    transform = np.array([width, height, scale, tx, ty], np.float64)
    return Deep3DCrop(np.asarray(picture.crop(box)), moved, transform)
