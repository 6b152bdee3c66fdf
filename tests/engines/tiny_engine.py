# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest engine that there can be: it fills the frame with one colour, its only options.

All that Heat knows of it is ``DESCRIPTION``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from bridge.engine_description import Capabilities, Choice
from heat_backend.engines.description import EngineDescription, option
from heat_backend.engines.protocol import BasePortrait, EngineSettings

if TYPE_CHECKING:
    from heat_backend.media.photo import Photo

CHANNELS = ("red", "green", "blue")


@dataclass(frozen=True)
class TinyOptions:
    """What a user may choose."""

    channel: str = option(
        "red",
        "Channel",
        "Which channel is filled",
        choices=tuple(Choice(c, c.title()) for c in CHANNELS),
    )
    level: int = option(100, "Level", "How bright it is, 0 to 255: 100 % is 255")
    inverted_colours: bool = option(False, "Inverted", "Fill the other channels instead")


class TinyPortrait(BasePortrait):
    """One colour, whatever the pose is."""

    def __init__(self, photo: Photo, options: TinyOptions) -> None:
        self.height, self.width = photo.pixels.shape[:2]
        self._colour = np.array([0, 0, 0, 255], np.uint8)
        self._colour[CHANNELS.index(options.channel)] = options.level
        if options.inverted_colours:
            self._colour[:3] = options.level - self._colour[:3]

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        out[:] = self._colour
        return out


class TinyEngine:
    """Prepares nothing."""

    name, version = "tiny", "1"

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> TinyPortrait:
        return TinyPortrait(photo, settings.engine_options(TinyOptions))


DESCRIPTION = EngineDescription(
    name="tiny",
    create="tests.engines.tiny_engine:TinyEngine",
    title="Tiny",
    summary="Tiny fills the frame with a colour.",
    options=TinyOptions,
    capabilities=Capabilities(devices=("cpu",)),
)
