# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of one session: what it holds, and whether it grows from frame to frame."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np

from heat_backend.bench.collect import BenchSettings, Report
from heat_backend.bench.rows import Row
from heat_backend.bench.subject import bench_photo, performance, prepare
from heat_backend.engine import Portrait

SIDE = 1024
FRAMES = 3000
SETTLED = 100  # frames after which all buffers of a session have been made
_CLIP = 240
_RESIDENT_MIB = 1536.0
_GROWTH_PERCENT = 2.0


def rows(settings: BenchSettings, report: Report) -> list[Row]:
    """Render many frames of one portrait and watch the resident memory."""
    if resident_mib() is None:
        return []
    report(f"memory, {FRAMES} frames at {SIDE} px ...")
    _, portrait = prepare(settings, bench_photo(settings, SIDE), SIDE)
    resident, growth = watch(portrait, FRAMES)
    size = f"{portrait.width} x {portrait.height}"
    return [
        Row(f"memory of a session, {size}", resident, "MiB", _RESIDENT_MIB),
        Row(f"its growth over {FRAMES} frames, {size}", growth, "%", _GROWTH_PERCENT),
    ]


def watch(portrait: Portrait, frames: int) -> tuple[float, float]:
    """Render ``frames`` frames and compare the memory after with that of a settled session.

    Parameters
    ----------
    portrait : Portrait
    frames : int
        How many, after the first ``SETTLED`` ones.

    Returns
    -------
    resident : float
        Largest resident memory seen, MiB.
    growth : float
        Of the resident memory, percent of what it was once settled.
    """
    clip = performance(_CLIP)
    buffer = np.empty((portrait.height, portrait.width, 4), np.uint8)
    seen: list[float] = []
    for number in range(SETTLED + frames):
        portrait.render(clip.frame(number % _CLIP), buffer)
        if number >= SETTLED - 1 and (number - SETTLED + 1) % 50 == 0:
            gc.collect()
            seen.append(resident_mib() or 0.0)
    return max(seen), 100.0 * (seen[-1] / seen[0] - 1.0)


def resident_mib() -> float | None:
    """Memory of this process that is resident now; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    import resource

    return pages * resource.getpagesize() / 2**20
