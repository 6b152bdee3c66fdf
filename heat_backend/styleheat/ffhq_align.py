# SPDX-License-Identifier: GPL-3.0-or-later
"""The FFHQ crop that the generator was trained on: an upright square about eyes and mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TRANSFORM_SIZE = 1024
"""The quad is always drawn at this size first; smaller outputs are reduced from it."""


@dataclass(frozen=True)
class FfhqQuad:
    """Which part of a picture the FFHQ crop shows.

    Attributes
    ----------
    shrink : int
        The picture is reduced by this before anything else; 1 for none.
    crop : tuple of 4 ints
        Left, top, right, bottom in the reduced picture.
    corners : ndarray, shape (4, 2), float64
        Top left, bottom left, bottom right, top right, in pixels of the crop; pixel centres are
        whole numbers. They may lie outside.
    """

    shrink: int
    crop: tuple[int, int, int, int]
    corners: NDArray[np.float64]

    @property
    def in_picture(self) -> NDArray[np.float64]:
        """The corners (4, 2) in the reduced picture."""
        return self.corners + self.crop[:2]


def _quarter_turn(vector: NDArray) -> NDArray[np.float64]:
    return np.array([-vector[1], vector[0]])


def quad_corners(landmarks: NDArray) -> tuple[NDArray[np.float64], float]:
    """Return the corners (4, 2) of the square about a face, and its side in pixels.

    Parameters
    ----------
    landmarks : ndarray, shape (68, 2)
        In pixels, y downwards.
    """
    eyes = np.stack([landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)])
    eye_average = eyes.mean(axis=0)
    across = eyes[1] - eyes[0]
    down = (landmarks[48] + landmarks[54]) / 2 - eye_average
    x = across - _quarter_turn(down)
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8) / np.hypot(*x)
    y = _quarter_turn(x)
    centre = eye_average + 0.1 * down
    corners = np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])
    return corners, float(np.hypot(*x) * 2)


def find_quad(landmarks: NDArray, size: tuple[int, int], out_size: int) -> FfhqQuad:
    """Work out the crop of a picture.

    Parameters
    ----------
    landmarks : ndarray, shape (68, 2)
        In pixels, y downwards.
    size : (width, height)
        Of the picture.
    out_size : int
        Side of the aligned picture; it decides whether the picture is reduced first.
    """
    corners, side = quad_corners(np.asarray(landmarks, np.float64))
    shrink = max(1, int(np.floor(side / out_size * 0.5)))
    width, height = _reduced(size, shrink)
    corners, side = corners / shrink, side / shrink
    border = max(int(np.rint(side * 0.1)), 3)
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    left, top = (max(int(value) - border, 0) for value in low)
    right, bottom = min(int(high[0]) + border, width), min(int(high[1]) + border, height)
    if right - left >= width and bottom - top >= height:
        left, top, right, bottom = 0, 0, width, height
    return FfhqQuad(shrink, (left, top, right, bottom), corners - (left, top))


def draw(picture: Image.Image, quad: FfhqQuad, out_size: int) -> Image.Image:
    """Draw the aligned picture, ``out_size`` square; black where the quad leaves the picture."""
    if quad.shrink > 1:
        reduced = _reduced(picture.size, quad.shrink)
        picture = picture.resize(reduced, Image.Resampling.LANCZOS)
    return draw_corners(picture.crop(quad.crop), quad.corners, out_size)


def draw_corners(picture: Image.Image, corners: NDArray, out_size: int) -> Image.Image:
    """Draw what lies between four corners (4, 2) of a picture as a square of ``out_size``.

    The published video cropper draws an :class:`FfhqQuad`'s ``corners`` from the whole picture,
    which they are not relative to; give it ``in_picture`` for the place that is meant.
    """
    square = picture.transform(
        (TRANSFORM_SIZE, TRANSFORM_SIZE),
        Image.Transform.QUAD,
        tuple((corners + 0.5).ravel().tolist()),
        Image.Resampling.BILINEAR,
    )
    if out_size < TRANSFORM_SIZE:
        square = square.resize((out_size, out_size), Image.Resampling.LANCZOS)
    return square


def _reduced(size: tuple[int, int], shrink: int) -> tuple[int, int]:
    return int(np.rint(size[0] / shrink)), int(np.rint(size[1] / shrink))
