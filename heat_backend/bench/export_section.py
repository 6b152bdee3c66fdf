# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the engine's raw rate an export keeps."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bridge.motion_clip import MotionClip
from heat_backend.bench.collect import BenchSettings, Report
from heat_backend.bench.rows import Row
from heat_backend.bench.subject import bench_photo, performance, prepare
from heat_backend.engines.protocol import Portrait
from heat_backend.export.run import export

_FRAMES = 120
_RUNS = 3
_PERCENT = 60.0


def rows(settings: BenchSettings, report: Report) -> list[Row]:
    """Measure movie and PNG export at 512 and 1024 pixels."""
    measured: list[Row] = []
    clip = performance(_FRAMES)
    for side in (512, 1024):
        report(f"export at {side} px ...")
        _, portrait = prepare(settings, bench_photo(settings, side), side)
        size = f"{portrait.width} x {portrait.height}"
        movie = [_percent(portrait, clip, "movie.mp4") for _ in range(_RUNS)]
        measured.append(
            Row(
                f"movie export, part of the raw frame rate, {size}",
                float(np.median(movie)),
                "%",
                _PERCENT,
                at_most=False,
                note="runs: " + ", ".join(f"{value:.0f} %" for value in movie),
            )
        )
        png = [_percent(portrait, clip, "frames") for _ in range(_RUNS)]
        measured.append(
            Row(f"PNG export, part of the raw frame rate, {size}", float(np.median(png)), "%")
        )
    return measured


def _percent(portrait: Portrait, clip: MotionClip, name: str) -> float:
    """Time all frames without and with export; the latter from its call to its return."""
    buffer = np.empty((portrait.height, portrait.width, 4), np.uint8)
    portrait.render(clip.frame(0), buffer)
    start = time.perf_counter()
    for index in range(len(clip)):
        portrait.render(clip.frame(index), buffer)
    raw = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        export(
            portrait,
            clip,
            Path(folder) / name,
            frames=range(len(clip)),
            fps=clip.fps,
            resume=False,
            engine_label="bench",
            progress=lambda done, total: None,
            cancelled=lambda: False,
            portrait_id="bench",
        )
        exported = time.perf_counter() - start
    return 100 * raw / exported
