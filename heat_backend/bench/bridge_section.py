# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge: one frame from a backend process to a client, over and above rendering it."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from bridge.client import Client, PortraitSource
from bridge.coefficients import Coefficients
from bridge.launch import BackendProcess
from heat_backend.bench.collect import BenchSettings, Report
from heat_backend.bench.rows import Row

SIDE = 1024
FRAMES = 200
WARM_UP = 20
TARGETS_MS = {"tcp": 4.0, "shared_memory": 1.0}
_ROOT = Path(__file__).resolve().parents[2]
_WHAT = {
    "tcp": f"bridge, {SIDE} x {SIDE} RGBA by TCP, over rendering",
    "shared_memory": f"bridge, {SIDE} x {SIDE} RGBA by shared memory, over rendering",
}


def rows(settings: BenchSettings, report: Report) -> list[Row]:
    """Measure both ways of a frame."""
    del settings
    report("bridge ...")
    measured = measure()
    return [Row(_WHAT[way], measured[way], "ms", TARGETS_MS[way]) for way in TARGETS_MS]


def measure() -> dict[str, float]:
    """Time whole round trips, pose out and frame back, less what the engine says it took.

    Returns
    -------
    dict of str to float
        Medians in milliseconds: ``tcp`` and ``shared_memory``.
    """
    command = [sys.executable, "-m", "heat_backend.bench.null_backend"]
    backend = BackendProcess.start(command, {"PYTHONPATH": str(_ROOT)})
    try:
        return {
            "tcp": _median_over_rendering(backend, shared_memory=False),
            "shared_memory": _median_over_rendering(backend, shared_memory=True),
        }
    finally:
        backend.stop()


def _median_over_rendering(backend: BackendProcess, shared_memory: bool) -> float:
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    over: list[float] = []
    with Client(backend.address, backend.secret, shared_memory=shared_memory) as client:
        client.prepare(PortraitSource(pixels=picture))
        for number in range(WARM_UP + FRAMES):
            pose = Coefficients.of({"jawOpen": number % 2})
            began = time.perf_counter()
            frame = client.render(pose)
            took = (time.perf_counter() - began) * 1e3
            assert frame.shared is shared_memory
            assert frame.pixels[-1, -1, -1] == 255 * (number % 2)
            if number >= WARM_UP:
                over.append(took - frame.render_ms)
    return statistics.median(over)
