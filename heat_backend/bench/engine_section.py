# SPDX-License-Identifier: GPL-3.0-or-later
"""Preparation, frames and memory of an engine, beside the least work a warp must do."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

from heat_backend.bench.collect import BenchSettings, Report
from heat_backend.bench.rows import Row, medians_ms
from heat_backend.bench.subject import bench_photo, performance, prepare
from heat_backend.engines.device import chosen_device
from heat_backend.engines.registry import DEFAULT_ENGINE

_FRAMES = 60
# side -> (most times cv2.remap, least frames a second)
_TARGETS = {512: (10.0, 40.0), 1024: (6.0, 15.0)}
_CUDA_RATE = 200.0  # frames a second at 1024 px on a GPU, the copy to the host included
_PREPARE_SECONDS = 5.0
_MEMORY_MIB = 1536.0


def rows(settings: BenchSettings, report: Report) -> list[Row]:
    """Measure the engine at 512 and 1024 pixels."""
    measured: list[Row] = []
    for side in _TARGETS:
        report(f"engine {settings.engine} at {side} px ...")
        measured += _rows_at(settings, side)
    peak = peak_memory_mib()
    if peak is not None:
        measured.append(
            Row("peak memory of this process so far", peak, "MiB", _MEMORY_MIB, note="both sizes")
        )
    return measured


def _rows_at(settings: BenchSettings, side: int) -> list[Row]:
    photo = bench_photo(settings, side)
    prepare_seconds = []
    for _ in range(2):  # the first call also loads libraries and compiles
        start = time.perf_counter()
        _, portrait = prepare(settings, photo, side)
        prepare_seconds.append(time.perf_counter() - start)
    clip = performance(_FRAMES)
    buffer = np.empty((portrait.height, portrait.width, 4), np.uint8)
    frames = itertools.cycle(range(_FRAMES))
    frame_ms, remap_ms = medians_ms(
        [
            lambda: portrait.render(clip.frame(next(frames)), buffer),
            _one_remap(portrait.width, portrait.height),
        ],
        _FRAMES,
    )
    times, rate = _TARGETS[side]
    if (
        side == 1024
        and settings.engine == DEFAULT_ENGINE
        and chosen_device(settings.device) == "cuda"
    ):
        rate = _CUDA_RATE
    size = f"{portrait.width} x {portrait.height}"
    return [
        Row(
            f"portrait prepared, {size}",
            prepare_seconds[-1],
            "s",
            _PREPARE_SECONDS if side == 1024 else None,
            note=f"first time in a process: {prepare_seconds[0]:.2f} s" if side == 512 else "",
        ),
        Row(f"frame, {size}", frame_ms, "ms"),
        Row(f"frames a second, {size}", 1000 / frame_ms, "/s", rate, at_most=False),
        Row(f"cv2.remap, bilinear, RGBA8, {size}", remap_ms, "ms"),
        Row(f"frame in cv2.remaps, {size}", frame_ms / remap_ms, "x", times),
    ]


def _one_remap(width: int, height: int) -> Callable[[], object]:
    """Make an action: one bilinear remap of an RGBA8 picture by a smooth float map."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (height, width, 4), np.uint8)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x += 5 * np.sin(y / 40)
    y += 5 * np.cos(x / 40)
    target = np.empty_like(picture)
    return lambda: cv2.remap(picture, x, y, cv2.INTER_LINEAR, dst=target)


def peak_memory_mib() -> float | None:
    """Largest resident memory of this process; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
