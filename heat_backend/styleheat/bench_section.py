# SPDX-License-Identifier: GPL-3.0-or-later
"""Bench rows of StyleHEAT: time by stage beside the published forward, on synthetic weights."""

from __future__ import annotations

from collections.abc import Callable

from heat_backend.bench.collect import BenchSettings
from heat_backend.bench.rows import Row
from heat_backend.styleheat.bench_subject import subject
from heat_backend.styleheat.description import DESCRIPTION

RATIO = 0.40
NOTE = "synthetic weights; the published forward is timed in turns with ours"


def rows(settings: BenchSettings, report: Callable[[str], None]) -> list[Row]:
    """Measure when the engine is ``styleheat``; nothing otherwise."""
    if settings.engine != DESCRIPTION.name:
        return []
    from heat_backend.styleheat.conformance.run import pick_device
    from heat_backend.styleheat.driving.stage_times import measure

    device = pick_device(settings.device)
    report("styleheat: making synthetic weights")
    networks, inversion, windows = subject(device)
    found: list[Row] = []
    for half in (False, True):
        kind = "half precision" if half else "float32"
        report(f"styleheat: timing frames in {kind} on {device}")
        times = measure(networks, inversion, windows, half)
        found.append(Row(f"styleheat {kind}: prepare a portrait", times.prepare, "s"))
        for name, seconds in {"mapping": times.mapping, **times.stages}.items():
            found.append(Row(f"styleheat {kind}: {name}", seconds * 1000, "ms"))
        found.append(Row(f"styleheat {kind}: frame to the host", times.picture * 1000, "ms"))
        if times.streamed is not None:
            notes = "; ".join(times.notes)
            what = f"styleheat {kind}: frame of a clip, streamed"
            found.append(Row(what, times.streamed * 1000, "ms", note=notes))
        found.append(Row(f"published forward beside {kind}", times.published * 1000, "ms"))
        target = None if half else RATIO
        what = f"styleheat {kind}: frame / published"
        found.append(Row(what, times.ratio, "x", target, note=NOTE))
    return found
