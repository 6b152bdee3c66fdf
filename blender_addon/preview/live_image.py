# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview as an image of the .blend, for Image Editors, materials, camera backgrounds.

A float image takes new pixels about four times faster than a byte image; it holds linear light.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import frame_packing

_LINEAR = "Linear Rec.709"
_room: dict[tuple[int, int], NDArray[np.float32]] = {}


def image_of(portrait: Any, width: int, height: int) -> Any:
    """Return the portrait's live image in that size, made or resized where necessary."""
    image = portrait.preview.image
    if image is None:
        image = bpy.data.images.new(
            f"{portrait.name} live", width, height, alpha=False, float_buffer=True
        )
        image.colorspace_settings.name = _LINEAR
        portrait.preview.image = image
    if tuple(image.size) != (width, height):
        image.scale(width, height)
    return image


def show(portrait: Any, pixels: NDArray[np.uint8]) -> None:
    """Write a frame into the portrait's live image.

    Parameters
    ----------
    portrait : HeatPortrait
        Its `preview.image` is used.
    pixels : (H, W, 4) uint8
        sRGB, rows from the top, opaque.
    """
    height, width = pixels.shape[:2]
    image = image_of(portrait, width, height)
    out = _buffer(height, width)
    frame_packing.image_pixels_into(pixels, out)
    image.pixels.foreach_set(out.reshape(-1))
    image.update()
    _redraw_materials(image)


def _buffer(height: int, width: int) -> NDArray[np.float32]:
    if (height, width) not in _room:
        _room.clear()  # one size is enough to keep; a 1024 px frame takes 16 MB
        _room[height, width] = np.empty((height, width, 4), np.float32)
    return _room[height, width]


def _redraw_materials(image: Any) -> None:
    if image.users > 1:  # something besides the portrait shows it
        image.update_tag()
