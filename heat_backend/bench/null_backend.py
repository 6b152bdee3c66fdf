# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend that renders next to nothing, so that only the bridge itself is measured."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from heat_backend.engines import registry
from heat_backend.engines.description import EngineDescription
from heat_backend.engines.protocol import BasePortrait, EngineSettings
from heat_backend.media.photo import Photo
from heat_backend.serve.run import serve

NAME = "null"


class NullPortrait(BasePortrait):
    """Fills the frame with one value that says which pose it was."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Return a frame whose every byte is 255 times jawOpen."""
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        out.fill(round(255 * float(coefficients.expression[EXPRESSION_INDEX["jawOpen"]])))
        return out


class NullEngine:
    """Makes null portraits of the photo's size."""

    name = NAME
    version = "1"

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> NullPortrait:
        """Do nothing but take the size."""
        return NullPortrait(photo.pixels.shape[1], photo.pixels.shape[0])


if __name__ == "__main__":
    registry.register(EngineDescription(NAME, NullEngine))
    sys.exit(serve(engine_name=NAME))
