# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering and tracking in one call, and the rows that measures give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from heat_backend.detect.detector import Detector
from heat_backend.engines.protocol import EngineSettings, Portrait
from heat_backend.media.photo import Photo
from heat_backend.warp.portrait import WarpPortrait
from heat_backend.warp.warp_engine import WarpEngine


@dataclass(frozen=True)
class Row:
    """One line: what was measured, what must hold, and whether it does."""

    what: str
    value: float
    must: str
    holds: bool


def warp_portrait(photo: Photo, size: int | None = None, device: str = "auto") -> WarpPortrait:
    """Prepare a photo with the engine ``warp``; ``size`` is the long side of its frames, pixels."""
    settings = EngineSettings(size=size, device=device)
    return WarpEngine().prepare(photo, settings, lambda *_: None, lambda: False)


def both(name: str, value: float = 1.0) -> dict[str, float]:
    """Both sides of a one-sided expression."""
    return {f"{name}Left": value, f"{name}Right": value}


class Tracker:
    """Renders and tracks in one call."""

    def __init__(self, portrait: Portrait, detector: Detector) -> None:
        self.portrait = portrait
        self.detector = detector
        self.still = self.at(Coefficients.zero())

    def frame(self, coefficients: Coefficients) -> NDArray[np.uint8]:
        """RGB frame (H, W, 3)."""
        return np.ascontiguousarray(self.portrait.render(coefficients)[..., :3])

    def at(self, coefficients: Coefficients) -> NDArray[np.floating]:
        """Landmarks (478, 3) of a rendered frame; NaN where no face is found."""
        return self.on(self.frame(coefficients))

    def on(self, frame: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Landmarks (478, 3) of an RGB frame; NaN where no face is found."""
        faces = self.detector.detect(frame)
        return faces[0].points if faces else np.full((478, 3), np.nan)

    def expressed(self, **weights: float) -> NDArray[np.floating]:
        """Landmarks with some expressions set."""
        return self.at(Coefficients.of(expression=weights))
