# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benchmark's sections, each on a machine that does nothing else meanwhile."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import UsageError
from heat_backend.bench.rows import Row
from heat_backend.engines.registry import DEFAULT_ENGINE, describe, descriptions, require_packages

Report = Callable[[str], None]


@dataclass(frozen=True)
class BenchSettings:
    """What the sections measure.

    Attributes
    ----------
    portrait : path or None
        The photo; None takes the astronaut of scikit-image.
    engine, device : str
        As on the command line.
    frames : int or None
        How many the memory is watched over; None takes the section's own number.
    """

    portrait: Path | None = None
    engine: str = DEFAULT_ENGINE
    device: str = "auto"
    frames: int | None = None


OWN_MEMORY_FRAMES = 3000
"""Frames that the section memory draws: two minutes at 25 a second."""

# Each module has ``rows(settings, report) -> list[Row]``.
OWN_SECTIONS = {
    "engine": "heat_backend.bench.engine_section",
    "memory": "heat_backend.bench.memory_section",
    "export": "heat_backend.bench.export_section",
    "bridge": "heat_backend.bench.bridge_section",
}


def sections() -> dict[str, str]:
    """Return the modules of all sections by name: our own, and those of engines."""
    benches = [engine.bench for engine in descriptions() if engine.bench is not None]
    return OWN_SECTIONS | {name: place for one in benches for name, place in one.sections.items()}


def collect(settings: BenchSettings, only: str | None, report: Report) -> list[Row]:
    """Measure all sections, or the one called ``only``.

    Raises
    ------
    UsageError
        When there is no such section, or engine.
    MissingHere
        When the engine's packages are not installed.
    """
    require_packages(settings.engine)
    known = sections()
    if only is not None and only not in known:
        raise UsageError(f"no section {only!r}; choose one of: {', '.join(known)}")
    bench = describe(settings.engine).bench
    wanted = {only} if only is not None else set(known if bench is None else bench.sections)
    rows: list[Row] = []
    for name, module in known.items():
        if name in wanted:
            rows += importlib.import_module(module).rows(settings, report)
    return rows


def machine() -> dict[str, object]:
    """Say what the numbers were taken on."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
