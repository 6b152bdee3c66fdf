# SPDX-License-Identifier: GPL-3.0-or-later
"""A small portrait of the stand-in engine, clips, and an export with everything filled in."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from bridge.motion_clip import MotionClip
from heat_backend.export.run import ExportResult, export
from heat_backend.media.photo import Photo
from tests.stand_in_engine import StandInPortrait


class CountingPortrait(StandInPortrait):
    """Remembers which frames it rendered, by their jawOpen."""

    def __init__(self, photo: Photo) -> None:
        super().__init__(photo, None)
        self.rendered: list[float] = []

    def render(self, coefficients: Coefficients, out: np.ndarray | None = None) -> np.ndarray:
        self.rendered.append(round(float(coefficients.expression[EXPRESSION_INDEX["jawOpen"]]), 4))
        return super().render(coefficients, out)


def cancel_after(portrait: CountingPortrait, frames: int) -> Callable[[], bool]:
    return lambda: len(portrait.rendered) >= frames


def picture(width: int, height: int) -> np.ndarray:
    """Smooth colours like a photo's."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    red = 150 + 60 * np.sin(x / 17)
    green = 110 + 50 * np.cos(y / 13)
    blue = 90 + 40 * np.sin((x + y) / 23)
    return np.dstack([red, green, blue]).astype(np.uint8)


def make_clip(frames: int, fps: float = 24.0, step: float = 0.01) -> MotionClip:
    """A clip in which jawOpen is ``step`` times the frame's index."""
    expression = np.zeros((frames, 52), np.float32)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = step * np.arange(frames)
    still = np.zeros((frames, 3), np.float32)
    return MotionClip(fps, expression, still, still)


@pytest.fixture
def portrait() -> CountingPortrait:
    return CountingPortrait(Photo(picture(96, 64)))


@pytest.fixture
def run_export(portrait: CountingPortrait) -> Callable[..., ExportResult]:
    def run(out: Path, clip: MotionClip, **changes: object) -> ExportResult:
        options: dict[str, object] = {
            "frames": range(len(clip)),
            "fps": Fraction(24),
            "resume": False,
            "engine_label": "stand_in 1.0",
            "progress": lambda done, total: None,
            "cancelled": lambda: False,
            "portrait_id": "portrait",
            **changes,
        }
        return export(options.pop("portrait", portrait), clip, out, **options)  # type: ignore[arg-type]

    return run


def hidden(folder: Path) -> list[str]:
    """Names in a folder that begin with a dot."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
