# SPDX-License-Identifier: GPL-3.0-or-later
"""8-bit frames in the pixel formats that Blender takes fastest.

`GPUTexture` takes float buffers only. The four bytes of a pixel, read as one float, make the upload
four times smaller than four floats; the shader takes them apart. A byte pattern that is a NaN or a
denormal could be altered, so the top byte (alpha, always opaque here) is set to 0x3F: then every
pixel is a normal float between 0.5 and 2.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

_COLOUR = np.uint32(0x00FFFFFF)
_NORMAL = np.uint32(0x3F000000)


def pack_into(pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Write a frame into a buffer of one float a pixel.

    Parameters
    ----------
    pixels : (H, W, 4) uint8
        RGBA, C-contiguous; alpha is not kept.
    out : (H * W,) float32
        Receives the packed pixels, rows from the top.

    Raises
    ------
    ValueError
        Shapes do not fit.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 4 or out.size != pixels.size // 4:
        raise ValueError(f"cannot pack pixels {pixels.shape} into {out.shape}")
    words = np.ascontiguousarray(pixels).view("<u4").reshape(-1)
    target = out.view(np.uint32).reshape(-1)
    np.bitwise_and(words, _COLOUR, out=target)
    np.bitwise_or(target, _NORMAL, out=target)


def unpack(packed: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 of packed pixels: what the shader does, for tests and checks."""
    return packed.view(np.uint8).reshape(height, width, 4)[..., :3].copy()


def srgb_to_linear_table() -> NDArray[np.float32]:
    """Return (256,) float32: linear light of each 8-bit sRGB value (IEC 61966-2-1)."""
    value = np.arange(256, dtype=np.float64) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


@functools.cache
def _pair_table() -> NDArray[np.uint64]:
    """Return (65536,) uint64: two linear floats, side by side, of each pair of 8-bit values."""
    single = srgb_to_linear_table()
    pair = np.empty((65536, 2), np.float32)
    pair[:, 0] = np.tile(single, 256)
    pair[:, 1] = np.repeat(single, 256)
    return pair.view(np.uint64).reshape(-1)


def image_pixels_into(pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Write a frame as linear floats, rows from the bottom, as `Image.pixels` wants them.

    Two values are looked up at a time: three times as fast as one by one.

    Parameters
    ----------
    pixels : (H, W, 4) uint8
        RGBA in sRGB, rows from the top, C-contiguous; alpha must be 255 (it becomes 1).
    out : (H, W, 4) float32
        Receives the pixels, C-contiguous.
    """
    height, width = pixels.shape[:2]
    pairs = np.ascontiguousarray(pixels).view("<u2").reshape(height, width, 2)
    target = out.view(np.uint64).reshape(height, width, 2)
    np.take(_pair_table(), pairs[::-1], out=target, mode="wrap")
