# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine for tests of everything around engines: quick, deterministic, easy to read back.

A frame is the photo, brightened by jawOpen and shifted sideways by the head's yaw.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from bridge.errors import Cancelled
from heat_backend.engines import protocol, registry
from heat_backend.engines.description import EngineDescription
from heat_backend.engines.protocol import BasePortrait, EngineSettings
from heat_backend.media.photo import Photo

NAME = "stand_in"
RENDER_LOG = "HEAT_STAND_IN_LOG"
"""Environment variable: a file to which each render adds a line with its jawOpen."""
RENDER_SECONDS = "HEAT_STAND_IN_SECONDS"
"""Environment variable: how long each render takes at least."""
PAINTER = "stand_in_painter"
PAINT_SECONDS = "HEAT_STAND_IN_PAINT_SECONDS"
"""Environment variable: seconds that preparing a portrait takes, 0.3 by default."""


class StandInPortrait(BasePortrait):
    """Draws its coefficients onto the photo."""

    def __init__(self, photo: Photo, size: int | None) -> None:
        pixels = photo.pixels
        if size is not None:
            step = max(1, round(max(pixels.shape[:2]) / size))
            pixels = pixels[::step, ::step]
        self._pixels = np.ascontiguousarray(pixels)
        self.height, self.width = self._pixels.shape[:2]
        self.notes: tuple[str, ...] = ("this is a stand-in, not a real engine",)
        self._log = os.environ.get(RENDER_LOG)
        self._seconds = float(os.environ.get(RENDER_SECONDS, "0"))

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        jaw = float(coefficients.expression[EXPRESSION_INDEX["jawOpen"]])
        shift = round(float(coefficients.rotation[1]) * self.width)
        brighter = np.clip(self._pixels.astype(np.float32) + 100.0 * jaw, 0, 255)
        out[..., :3] = np.roll(brighter.astype(np.uint8), shift, axis=1)
        out[..., 3] = 255
        if self._seconds:
            time.sleep(self._seconds)
        if self._log:
            with Path(self._log).open("a") as log:
                log.write(f"{jaw:.4f}\n")
        return out


class StandInEngine:
    """Makes stand-in portraits."""

    name = NAME
    version = "1.0"

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> StandInPortrait:
        progress("drawing", 0.5)
        if cancelled():
            raise Cancelled("stopped")
        portrait = StandInPortrait(photo, settings.size)
        progress("ready", 1.0)
        return portrait


class StandInPainter(StandInEngine):
    """Takes its time, and shows the portrait so far: ever clearer, a square 300 px high."""

    name = PAINTER

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> StandInPortrait:
        show = protocol.progress_image_taker(progress)
        steps = max(3, round(float(os.environ.get(PAINT_SECONDS, "0.3")) / 0.05))
        side = min(photo.pixels.shape[:2])
        places = np.arange(300) * side // 300
        square = photo.pixels[places][:, places]
        for step in range(steps):
            if cancelled():
                raise Cancelled("stopped")
            progress(f"painting, step {step + 1} of {steps}", step / steps)
            if show is not None:
                grey = 1.0 - (step + 1) / steps
                show((square * (1.0 - grey) + 128.0 * grey).astype(np.uint8))
            time.sleep(0.05)
        return StandInPortrait(photo, settings.size)


def register() -> None:
    """Offer the stand-ins under their names."""
    registry.register(EngineDescription(NAME, StandInEngine))
    registry.register(EngineDescription(PAINTER, StandInPainter))
