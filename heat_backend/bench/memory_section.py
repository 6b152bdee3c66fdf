# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of one session: what it holds, and whether it grows from frame to frame."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np

from heat_backend.bench.collect import OWN_MEMORY_FRAMES, BenchSettings, Report
from heat_backend.bench.rows import Row
from heat_backend.bench.subject import bench_photo, performance, prepare
from heat_backend.engines.description import load
from heat_backend.engines.protocol import Portrait, frame_drawer
from heat_backend.engines.registry import describe

SIDE = 1024
SETTLED = 100  # frames after which all buffers of a session have been made, at most a third of all
STEP = 50  # frames from one look at the memory to the next, at most a tenth of all
_CLIP = 240
_RESIDENT_MIB = 1536.0
_GROWTH_PERCENT = 2.0


def rows(settings: BenchSettings, report: Report) -> list[Row]:
    """Render many frames of one portrait and watch the resident memory."""
    if resident_mib() is None:
        return []
    bench = describe(settings.engine).bench
    frames = settings.frames or (OWN_MEMORY_FRAMES if bench is None else bench.memory_frames)
    report(f"memory, {frames} frames at {SIDE} px ...")
    portrait, name, most = _portrait(settings)
    resident, growth = watch(portrait, frames, report)
    size = f"{portrait.width} x {portrait.height}"
    return [
        Row(f"memory of a {name}, {size}", resident, "MiB", most),
        Row(f"its growth over {frames} frames, {size}", growth, "%", _GROWTH_PERCENT),
    ]


def _portrait(settings: BenchSettings) -> tuple[Portrait, str, float]:
    """Return what is watched, what to call it, and how much memory it may take, MiB."""
    bench = describe(settings.engine).bench
    if bench is None:
        _, portrait = prepare(settings, bench_photo(settings, SIDE), SIDE)
        return portrait, "session", _RESIDENT_MIB
    watched: tuple[Portrait, str, float] = load(bench.memory_subject)(settings)
    return watched


def watch(
    portrait: Portrait, frames: int, report: Report = lambda text: None
) -> tuple[float, float]:
    """Draw ``frames`` frames of a clip and compare the memory after with that once settled.

    Parameters
    ----------
    portrait : Portrait
    frames : int
        How many, after the first ``SETTLED`` ones.
    report : callable
        Told the resident memory now and then.

    Returns
    -------
    resident : float
        Largest resident memory seen, MiB.
    growth : float
        Of the resident memory, percent of what it was once settled.
    """
    draw = frame_drawer(portrait, performance(_CLIP))
    buffer = np.empty((portrait.height, portrait.width, 4), np.uint8)
    step, settled = min(STEP, max(1, frames // 10)), min(SETTLED, max(1, frames // 3))
    seen: list[float] = []
    for number in range(settled + frames):
        draw(number % _CLIP, buffer)
        after = number + 1 - settled
        if after >= 0 and (after % step == 0 or after == frames):
            gc.collect()
            seen.append(resident_mib() or 0.0)
            report(f"after {after} frames: {seen[-1]:.0f} MiB")
    return max(seen), 100.0 * (seen[-1] / seen[0] - 1.0)


def resident_mib() -> float | None:
    """Memory of this process that is resident now; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    import resource

    return pages * resource.getpagesize() / 2**20
