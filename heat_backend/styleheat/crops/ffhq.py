# SPDX-License-Identifier: GPL-3.0-or-later
"""The FFHQ alignment that StyleGAN2 was trained on: a square about eyes and mouth, 1024 px.

The quad is that of FFHQ's ``recreate_aligned_images`` (Karras et al., arXiv 1812.04948), with the
photo padded by its mirror image where the square leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bridge.errors import BadInput

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


SIZE = TRANSFORM_SIZE
NOTE_THRESHOLD = 0.02  # share of the crop outside the photo from which on there is a note
MAX_OUTSIDE = 0.5  # of the crop; more than that is no portrait any more
BLUR_SHARE = 0.02  # of the crop's side: blur of the mirrored border


@dataclass(frozen=True)
class PortraitCrop:
    """An aligned crop.

    Attributes
    ----------
    pixels : ndarray, shape (1024, 1024, 3), uint8
        Beyond the photo's edges, the photo mirrored.
    to_photo : ndarray, shape (2, 3), float64
        Pixel of the crop to pixel of the photo; both count centres from 0.
    landmarks : ndarray, shape (68, 2), float64
        In pixels of the crop.
    notes : tuple of str
        What a user should know about it.
    """

    pixels: NDArray[np.uint8]
    to_photo: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @property
    def photo_side(self) -> float:
        """Side of the crop in pixels of the photo."""
        return float(np.hypot(*self.to_photo[:, 0]) * SIZE)

    def for_photo_scaled(self, factor: float) -> NDArray[np.float64]:
        """Return ``to_photo`` for the photo resized by ``factor``."""
        scaled = self.to_photo * factor
        scaled[:, 2] += 0.5 * factor - 0.5
        return scaled


def crop_portrait(pixels: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> PortraitCrop:
    """Cut the aligned crop out of a photo, the photo mirrored where the crop leaves it.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    landmarks : ndarray, shape (68, 2)
        In its pixels, y downwards.

    Raises
    ------
    BadInput
        When most of the crop lies outside the photo.
    """
    corners, side = quad_corners(np.asarray(landmarks, np.float64))
    height, width = pixels.shape[:2]
    outside = share_outside(corners, (width, height))
    if outside > MAX_OUTSIDE:
        raise BadInput(
            f"the face is so near to the photo's edge that {outside:.0%} of its surroundings are "
            "missing: use a photo with more room around the head"
        )
    pad = _padding(corners, side, (width, height))
    padded = _mirror_padded(pixels, pad, side)
    moved = np.asarray(landmarks, np.float64) + np.array(pad[:2])
    quad = find_quad(moved, (padded.shape[1], padded.shape[0]), SIZE)
    aligned = np.asarray(draw(Image.fromarray(padded), quad, SIZE))
    to_photo = _crop_to_picture(quad.in_picture, quad.shrink, padded.shape)
    to_photo[:, 2] -= (pad[0], pad[1])
    inverse = cv2.invertAffineTransform(to_photo)
    notes: tuple[str, ...] = ()
    if outside > NOTE_THRESHOLD:
        notes = (
            f"{outside:.0%} of the square around the head lies outside the photo and is "
            "mirrored there: a photo with more room around the head looks better",
        )
    placed = np.asarray(landmarks, np.float64) @ inverse[:, :2].T + inverse[:, 2]
    return PortraitCrop(np.ascontiguousarray(aligned), to_photo, placed, notes)


def share_outside(corners: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Share of the quad (4, 2) that lies outside a picture of ``size`` (width, height)."""
    width, height = size
    picture = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    quad = (corners + 0.5).astype(np.float32)
    covered, _ = cv2.intersectConvexConvex(quad, picture)
    return float(1.0 - covered / cv2.contourArea(quad))


def _padding(
    corners: NDArray[np.float64], side: float, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom pixels that the quad with a small border needs."""
    border = max(4, int(np.ceil(0.02 * side)))
    low, high = np.floor(corners.min(axis=0)) - border, np.ceil(corners.max(axis=0)) + border
    left, top = (max(0, int(-value)) for value in low)
    right, bottom = (max(0, int(value) + 1 - end) for value, end in zip(high, size, strict=True))
    return left, top, right, bottom


def _mirror_padded(
    pixels: NDArray[np.uint8], pad: tuple[int, int, int, int], side: float
) -> NDArray[np.uint8]:
    """Pad with the mirror image, blurred with distance so that nothing appears twice."""
    left, top, right, bottom = pad
    if not any(pad):
        return pixels
    height, width = pixels.shape[:2]
    mirrored = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), "symmetric")
    sigma = max(1.0, BLUR_SHARE * side)
    blurred = cv2.GaussianBlur(mirrored, (0, 0), sigma)
    x = np.arange(mirrored.shape[1]) - left
    y = np.arange(mirrored.shape[0]) - top
    out_x = np.maximum(np.maximum(-x, x - (width - 1)), 0)
    out_y = np.maximum(np.maximum(-y, y - (height - 1)), 0)
    share = np.clip(np.hypot(out_y[:, None], out_x[None]) / (3.0 * sigma), 0.0, 1.0)
    blended = mirrored + share[..., None].astype(np.float32) * (
        blurred.astype(np.float32) - mirrored
    )
    return np.ascontiguousarray(np.rint(blended), np.uint8)


def _crop_to_picture(
    corners: NDArray[np.float64], shrink: int, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Affine (2, 3) from the crop's pixels to the picture's; corners are of the reduced one."""
    origin, across, down = corners[0], corners[3] - corners[0], corners[1] - corners[0]
    linear = np.stack([across, down], axis=1) / SIZE
    shift = origin + linear @ (0.5, 0.5)
    if shrink > 1:
        reduced = np.rint(np.array(shape[1::-1]) / shrink)
        ratio = np.array(shape[1::-1]) / reduced
        linear = linear * ratio[:, None]
        shift = (shift + 0.5) * ratio - 0.5
    return np.concatenate([linear, shift[:, None]], axis=1)
