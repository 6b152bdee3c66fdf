# SPDX-License-Identifier: GPL-3.0-or-later
"""Composites the driven crop into the whole photo: feathered edge, low-frequency colour correction.

Framing and size stay the photo's. The generator never reproduces the photo's colours exactly; the
difference of crop and reconstruction at rest, smoothed over a tenth of the crop, is added to every
frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.ramps import smoothstep
from heat_backend.styleheat.crops.ffhq import SIZE

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Widths and reaches are tuned by eye on the test portraits.
FEATHER = 0.07  # of the crop's side: width of the feathered edge
MARGIN = 0.01  # of the crop's side at its edge with weight 0
TONE_CELLS = 64  # cells along the crop in which colours are compared
TONE_REACH = 3.0  # cells: standard deviation of the smoothing
MAX_TONE = 60.0  # of 255; more is another picture, not another tone


@dataclass(frozen=True)
class PasteBack:
    """Compositing of one portrait's crops into its photo.

    Attributes
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    region : tuple of 4 ints
        Left, top, right, bottom of what the crop can reach in the photo.
    matrix : ndarray, shape (2, 3)
        Pixel of the region to pixel of the crop, drawn at ``side``.
    side : int
        Size at which the crop is resampled: its own, or smaller for a small face.
    weight : ndarray, shape (h, w, 3), float32
        Share of the crop in each value of the region, 0..1.
    base : ndarray, shape (h, w, 3), float32
        What is added to that share: the photo's share, and the crop's lacking tone.
    """

    photo: Bytes
    region: tuple[int, int, int, int]
    matrix: NDArray[np.float64]
    side: int
    weight: Floats
    base: Floats

    def paste(self, driven: Bytes, out: Bytes | None = None) -> Bytes:
        """Put one driven crop (1024, 1024, 3) into the photo.

        Parameters
        ----------
        driven : ndarray, shape (1024, 1024, 3), uint8
        out : ndarray, shape (H, W, 3 or 4), uint8, optional
            Written to and returned; a fourth channel becomes opaque.

        Returns
        -------
        ndarray, shape (H, W, 3 or 4), uint8
        """
        if out is None:
            out = np.empty_like(self.photo)
        if out.shape[2] == 4:
            np.copyto(out, cv2.cvtColor(self.photo, cv2.COLOR_RGB2RGBA))
        else:
            np.copyto(out, self.photo)
        left, top, right, bottom = self.region
        if right <= left or bottom <= top:
            return out
        size = (right - left, bottom - top)
        over = _resample_crop(driven, self.side, self.matrix, size)
        shared = cv2.multiply(over, self.weight, dtype=cv2.CV_32F)
        # Rounds and clips to bytes on the way.
        out[top:bottom, left:right, :3] = cv2.add(shared, self.base, dtype=cv2.CV_8U)
        return out


def paste_back(
    photo: Bytes,
    to_photo: NDArray[np.float64],
    crop: Bytes | None = None,
    at_rest: Bytes | None = None,
) -> PasteBack:
    """Prepare pasting.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
        What the crops go into.
    to_photo : ndarray, shape (2, 3)
        Pixel of the crop to pixel of the photo.
    crop, at_rest : ndarray, shape (1024, 1024, 3), uint8, optional
        The crop as photographed, and as the generator draws it undriven; without them colours
        are left as they are.
    """
    height, width = photo.shape[:2]
    ends = np.array([[0, 0], [0, SIZE], [SIZE, SIZE], [SIZE, 0]]) - 0.5
    reach = ends @ to_photo[:, :2].T + to_photo[:, 2]
    left, top = (max(0, int(np.floor(value))) for value in reach.min(axis=0))
    right = min(width, int(np.ceil(reach[:, 0].max())) + 1)
    bottom = min(height, int(np.ceil(reach[:, 1].max())) + 1)
    region = (left, top, max(left, right), max(top, bottom))
    scale = float(np.hypot(*to_photo[:, 0]))
    side = SIZE if scale >= 0.75 else max(16, round(SIZE * scale))
    matrix = _region_to_crop(to_photo, (left, top), side)
    size = (region[2] - left, region[3] - top)
    mask = _resample_field(_feathered_square(), matrix, size, side, cv2.BORDER_CONSTANT)
    weight = np.repeat(np.clip(mask, 0.0, 1.0)[..., None], 3, axis=2)
    background = photo[top : region[3], left : region[2]].astype(np.float32)
    base = background * (1.0 - weight)
    if crop is not None and at_rest is not None:
        base += weight * _resample_field(
            tone_offset(crop, at_rest), matrix, size, side, cv2.BORDER_REPLICATE
        )
    return PasteBack(photo, region, matrix, side, weight, base)


def tone_offset(crop: Bytes, at_rest: Bytes) -> Floats:
    """Low-pass difference of the crop and the reconstruction at rest: (64, 64, 3), of 255."""
    cells = (TONE_CELLS, TONE_CELLS)
    small = [
        cv2.resize(picture, cells, interpolation=cv2.INTER_AREA).astype(np.float32)
        for picture in (crop, at_rest)
    ]
    offset = cv2.GaussianBlur(
        small[0] - small[1], (0, 0), TONE_REACH, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(np.clip(offset, -MAX_TONE, MAX_TONE), np.float32)


def _region_to_crop(
    to_photo: NDArray[np.float64], corner: tuple[int, int], side: int
) -> NDArray[np.float64]:
    """Affine (2, 3) from pixels of the region at ``corner`` to those of a crop of ``side``."""
    back = cv2.invertAffineTransform(to_photo)
    back[:, 2] += back[:, :2] @ np.array(corner, np.float64)
    factor = side / SIZE
    back *= factor
    back[:, 2] += 0.5 * factor - 0.5
    return np.asarray(back, np.float64)


def _resample_crop(
    driven: Bytes, side: int, matrix: NDArray[np.float64], size: tuple[int, int]
) -> Bytes:
    """Draw the crop into the region: (h, w, 3), uint8."""
    if side != SIZE:
        driven = cv2.resize(driven, (side, side), interpolation=cv2.INTER_AREA)
    placed = cv2.warpAffine(
        driven,
        matrix,
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(placed, np.uint8)


def _feathered_square() -> Floats:
    """Share of the crop (64 cells a side and more) that is seen: full inside, 0 at the edge."""
    cells = 256
    place = (np.arange(cells) + 0.5) / cells
    inward = np.minimum(place, 1.0 - place)
    ramp = smoothstep(MARGIN, MARGIN + FEATHER, inward)
    return np.asarray(ramp[:, None] * ramp[None], np.float32)


def _resample_field(
    field: Floats, matrix: NDArray[np.float64], size: tuple[int, int], side: int, border: int
) -> Floats:
    """Draw a coarse field that spans the crop of ``side`` into the region, smoothly."""
    fine = cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
    drawn = cv2.warpAffine(
        fine, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border
    )
    return np.asarray(drawn, np.float32)
