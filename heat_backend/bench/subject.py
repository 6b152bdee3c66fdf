# SPDX-License-Identifier: GPL-3.0-or-later
"""The photo and the motion that are measured."""

from __future__ import annotations

import cv2
import numpy as np

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.errors import MissingHere
from bridge.motion_clip import MotionClip
from heat_backend.bench.collect import BenchSettings
from heat_backend.engines.protocol import Engine, EngineSettings, Portrait
from heat_backend.engines.registry import make_engine
from heat_backend.media.photo import Photo, from_rgba, load_photo

# Head and shoulders in the astronaut picture: rows, columns.
_ASTRONAUT_CROP = (slice(0, 400), slice(30, 430))


def bench_photo(settings: BenchSettings, side: int) -> Photo:
    """Load the photo, at least ``side`` pixels on its long side.

    Raises
    ------
    MissingHere
        When none is named and scikit-image, which brings one, is not installed.
    """
    if settings.portrait is not None:
        photo = load_photo(settings.portrait)
        pixels = photo.pixels
    else:
        try:
            from skimage import data
        except ImportError:
            raise MissingHere(
                "no photo to measure on: name one with --portrait, or `pip install scikit-image`"
            ) from None
        pixels = np.ascontiguousarray(data.astronaut()[_ASTRONAUT_CROP])
    scale = side / max(pixels.shape[:2])
    if scale > 1:
        larger = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        pixels = np.asarray(larger, np.uint8)
    return from_rgba(pixels, "the benchmark's photo")


def prepare(settings: BenchSettings, photo: Photo, side: int) -> tuple[Engine, Portrait]:
    """Prepare a portrait with a long side of ``side`` pixels."""
    engine = make_engine(settings.engine)
    options = EngineSettings(size=side, device=settings.device)
    portrait = engine.prepare(photo, options, lambda what, fraction: None, lambda: False)
    return engine, portrait


def performance(frames: int, fps: float = 24.0) -> MotionClip:
    """Make a clip in which head, mouth, eyes and brows move all the time."""
    time = np.arange(frames) / fps
    expression = np.zeros((frames, len(EXPRESSION_NAMES)), np.float32)

    def wave(rate: float, phase: float = 0.0) -> np.ndarray:
        return 0.5 - 0.5 * np.cos(2 * np.pi * rate * time + phase)

    for name, values in {
        "jawOpen": 0.6 * wave(2.0),
        "mouthSmileLeft": 0.5 * wave(0.5),
        "mouthSmileRight": 0.5 * wave(0.5),
        "mouthFunnel": 0.4 * wave(1.3, 1.0),
        "eyeBlinkLeft": wave(0.8) ** 4,
        "eyeBlinkRight": wave(0.8) ** 4,
        "eyeLookOutLeft": 0.5 * wave(0.3),
        "eyeLookInRight": 0.5 * wave(0.3),
        "browInnerUp": 0.7 * wave(0.4, 2.0),
    }.items():
        expression[:, EXPRESSION_INDEX[name]] = values
    rotation = np.stack(
        [
            np.radians(6) * np.sin(2 * np.pi * 0.7 * time),
            np.radians(15) * np.sin(2 * np.pi * 0.4 * time),
            np.radians(5) * np.sin(2 * np.pi * 0.3 * time),
        ],
        axis=1,
    ).astype(np.float32)
    return MotionClip(fps, expression, rotation, np.zeros((frames, 3), np.float32))
