# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview as an image of the .blend, for Image Editors, materials, camera backgrounds.

A float image takes new pixels about four times faster than a byte image; it holds linear light.
"""

from __future__ import annotations

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.preview import frame_packing
from ..scene import redraw

_LINEAR = "Linear Rec.709"


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


def write(portrait: Any, values: NDArray[np.float32]) -> None:
    """Write converted pixels into the portrait's live image.

    Parameters
    ----------
    portrait : HeatPortrait
        Its `preview.image` is used.
    values : (H, W, 4) float32
        Linear light, rows from the bottom, as `FrameConverter.take` gives them.
    """
    height, width = values.shape[:2]
    image = image_of(portrait, width, height)
    image.pixels.foreach_set(values.reshape(-1))
    image.update()
    _redraw_materials(image)


class FrameConverter:
    """Turns frames into `Image.pixels` in a thread of its own, always the newest one."""

    def __init__(self) -> None:
        self._number = -1
        self._waiting: NDArray[np.uint8] | None = None
        self._job: Future[NDArray[np.float32]] | None = None
        self._room = np.empty((0, 0, 4), np.float32)

    def offer(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Convert a frame next; one that was offered before under its number is not again."""
        if number != self._number:
            self._number, self._waiting = number, pixels
            self._start()

    def take(self) -> NDArray[np.float32] | None:
        """Return (H, W, 4) float32 of the newest converted frame, or None while there is none.

        It is valid until the next call.
        """
        self._start()
        if self._job is None or not self._job.done():
            return None
        job, self._job = self._job, None
        return job.result()

    def _start(self) -> None:
        if self._job is None and self._waiting is not None:
            pixels, self._waiting = self._waiting, None
            if self._room.shape != pixels.shape:
                self._room = np.empty(pixels.shape, np.float32)
            self._job = _threads().submit(_converted, pixels, self._room)


def _converted(pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> NDArray[np.float32]:
    frame_packing.image_pixels_into(pixels, out)
    return out


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="heat-image")


def _redraw_materials(image: Any) -> None:
    if redraw.is_used_elsewhere(image):
        image.update_tag()
