# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends the progress of preparing a portrait to the client as messages."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from bridge.wire import PROGRESS_IMAGE_SIDE, Channel, Kind

PROGRESS_SECONDS = 0.05


class ProgressReport:
    """Sends text and fraction, a few times a second at most.

    Parameters
    ----------
    channel : Channel
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last = 0.0
        self._told: tuple[str, float] = ("", 0.0)

    def __call__(self, text: str, fraction: float) -> None:
        """Report the progress."""
        self._told = (text, float(fraction))
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or fraction >= 1.0:
            self._last = now
            self._send({}, None)

    def _send(self, more: dict[str, object], pixels: NDArray[np.uint8] | None) -> None:
        text, fraction = self._told
        body = None if pixels is None else pixels.data.cast("B")
        self._channel.send(Kind.PROGRESS, {"text": text, "fraction": fraction, **more}, body)


class ProgressImageReport(ProgressReport):
    """Sends the portrait so far as well; see ``bridge/PROTOCOL.md``."""

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """Show the portrait so far.

        Parameters
        ----------
        pixels : ndarray, shape (H, W, 3), uint8
        """
        import cv2

        rgba = cv2.cvtColor(shrunk(pixels, PROGRESS_IMAGE_SIDE), cv2.COLOR_RGB2RGBA)
        height, width = rgba.shape[:2]
        self._send({"sketch": {"width": width, "height": height}}, np.ascontiguousarray(rgba))


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) with a long side of at most ``side`` pixels."""
    import cv2

    factor = side / max(pixels.shape[:2])
    if factor >= 1.0:
        return pixels
    size = tuple(max(1, round(length * factor)) for length in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
