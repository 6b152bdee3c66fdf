# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking proved on motion that is known: a portrait performs it, the movie is tracked again.

``python -m tools.measures.round_trip FOLDER`` prints, for each portrait, how far pose and
expressions are from what was rendered.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.motion_clip import MotionClip
from heat_backend.export.run import export
from heat_backend.media.photo import load_photo
from heat_backend.tracking.track import TrackSettings, track_video
from heat_backend.warp.warp_engine import WarpEngine
from tools.measures.fidelity import PICTURES
from tools.measures.tracking import warp_portrait

SECONDS = 8.0
RATE = 25.0
# One after the other, each up and down again: (channels, highest weight).
ACTS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("jawOpen",), 0.7),
    (("eyeBlinkLeft", "eyeBlinkRight"), 1.0),
    (("mouthSmileLeft", "mouthSmileRight"), 0.8),
    (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 0.8),
    (("mouthPucker",), 0.8),
    (("browDownLeft", "browDownRight"), 0.8),
    (("eyeLookOutLeft", "eyeLookInRight"), 0.8),
    (("mouthFunnel", "jawOpen"), 0.4),
    (("mouthStretchLeft", "mouthStretchRight"), 0.7),
    (("mouthFrownLeft", "mouthFrownRight"), 0.7),
)
SWING = np.radians((8.0, 15.0, 8.0))
VISIBLE = tuple(dict.fromkeys(name for names, _ in ACTS for name in names))


@dataclass(frozen=True)
class RoundTrip:
    """How one portrait's known motion came back.

    Attributes
    ----------
    pose : float
        Mean absolute difference over the three angles, degrees.
    expression : float
        Mean absolute difference over ``VISIBLE``.
    channels : dict
        The same for each of ``VISIBLE``.
    ghosts : float
        Mean of the tracked channels that were never used.
    """

    pose: float
    expression: float
    channels: dict[str, float]
    ghosts: float


def known_clip() -> MotionClip:
    """Return the motion that is performed."""
    count = round(SECONDS * RATE)
    expression = np.zeros((count, len(EXPRESSION_NAMES)), np.float32)
    starts = np.linspace(0.06, 0.9, len(ACTS)) * count
    length = 0.08 * count
    at = np.arange(count)
    for start, (names, most) in zip(starts, ACTS, strict=True):
        phase = np.clip((at - start) / length, 0.0, 1.0)
        for name in names:
            bump = most * np.sin(np.pi * phase) ** 2
            expression[:, EXPRESSION_INDEX[name]] += bump.astype(np.float32)
    t = at / count
    waves = np.stack([np.sin(4 * np.pi * t), np.sin(6 * np.pi * t), np.sin(2 * np.pi * t)], axis=1)
    rotation = (waves * SWING * np.minimum(1.0, 8 * t)[:, None]).astype(np.float32)
    return MotionClip(RATE, expression, rotation, np.zeros((count, 3), np.float32))


def tracked_again(path: Path, clip: MotionClip, size: int = 512) -> MotionClip:
    """Let a portrait perform a clip, and track the movie."""
    portrait = warp_portrait(load_photo(path), size)
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "performance.mp4"
        label = f"{WarpEngine.name} {WarpEngine.version}"
        export(
            portrait, clip, movie, frames=range(len(clip)), fps=clip.fps, resume=False,
            engine_label=label, progress=lambda *_: None, cancelled=lambda: False,
        )  # fmt: skip
        cache = Path(folder) / "cache"
        return track_video(movie, TrackSettings(), cache, lambda *_: None, lambda: False).clip


def compare(known: MotionClip, found: MotionClip) -> RoundTrip:
    """Compare what was rendered with what was tracked."""
    count = min(len(known), len(found))
    away = np.abs(known.expression[:count] - found.expression[:count]).mean(axis=0)
    turned: NDArray[np.floating] = np.abs(known.rotation[:count] - found.rotation[:count])
    channels = {name: float(away[EXPRESSION_INDEX[name]]) for name in VISIBLE}
    unused = [k for k, name in enumerate(EXPRESSION_NAMES) if name not in VISIBLE]
    ghosts = float(found.expression[:count, unused].mean())
    return RoundTrip(
        float(np.degrees(turned).mean()), float(np.mean(list(channels.values()))), channels, ghosts
    )


def main(folder: str) -> int:
    """Print the table; return how many portraits miss 1.5 degrees or 0.08."""
    misses, clip = 0, known_clip()
    for path in sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in PICTURES):
        result = compare(clip, tracked_again(path, clip))
        holds = result.pose <= 1.5 and result.expression <= 0.08
        misses += not holds
        worst = sorted(result.channels.items(), key=lambda item: -item[1])[:4]
        summary = ", ".join(f"{name} {value:.2f}" for name, value in worst)
        print(
            f"{path.name:32} pose {result.pose:4.2f}  expression {result.expression:5.3f}  "
            f"others {result.ghosts:5.3f}  ({summary}){'' if holds else '  <--'}",
            flush=True,
        )
    return misses


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1])))
