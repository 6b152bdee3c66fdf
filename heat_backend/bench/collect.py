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
    engine: str = "warp"
    device: str = "auto"
    frames: int | None = None


# Each module has ``rows(settings, report) -> list[Row]``.
SECTIONS = {
    "engine": "heat_backend.bench.engine_section",
    "memory": "heat_backend.bench.memory_section",
    "export": "heat_backend.bench.export_section",
    "bridge": "heat_backend.bench.bridge_section",
    "styleheat": "heat_backend.styleheat.bench_section",
}

# Engines that are measured stage by stage, unless a section is named.
OWN_SECTION = {"styleheat": "styleheat"}


def collect(settings: BenchSettings, only: str | None, report: Report) -> list[Row]:
    """Measure all sections, or the one called ``only``.

    Raises
    ------
    UsageError
        When there is no such section.
    """
    if only is not None and only not in SECTIONS:
        raise UsageError(f"no section {only!r}; choose one of: {', '.join(SECTIONS)}")
    if only is None and settings.engine in OWN_SECTION:
        only = OWN_SECTION[settings.engine]
    rows: list[Row] = []
    for name, module in SECTIONS.items():
        if only in (None, name):
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
