# SPDX-License-Identifier: GPL-3.0-or-later
"""All numbers in one table: ``python -m bench [--json] [--only SECTION]``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import build_addon
from bench import headless, windowed
from bench.given import Given, make_given
from bridge.errors import HeatError
from heat_backend.bench.collect import BenchSettings, collect, machine, sections
from heat_backend.bench.rows import Row, table
from heat_backend.cli.native_logs import native_logs_hidden

ADDON_SECTIONS = {"add-on": headless.rows, "window": windowed.rows}


def main() -> int:
    """Measure and print; a missed target or a section that cannot run is reported, not an error."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure everything.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=(*sections(), *ADDON_SECTIONS), metavar="SECTION",
                        help=f"one of: {', '.join((*sections(), *ADDON_SECTIONS))}")  # fmt: skip
    arguments = parser.parse_args()
    try:
        rows, skipped = measure(arguments.only)
    except (HeatError, build_addon.BuildError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return getattr(problem, "exit_code", 1)
    if arguments.json:
        result = {"machine": machine(), "rows": [row.as_dict() for row in rows], "skipped": skipped}
        print(json.dumps(result))
    else:
        print(table(rows))
        for name, reason in skipped.items():
            print(f"{name}: skipped, {reason}")
    return 0


def measure(only: str | None) -> tuple[list[Row], dict[str, str]]:
    """Measure all sections, or one; rows, and the reason for each section without any."""
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    if only is None or only in sections():
        with native_logs_hidden():
            rows += collect(BenchSettings(), only, _report)
    wanted = [name for name in ADDON_SECTIONS if only in (None, name)]
    if not wanted:
        return rows, skipped
    with tempfile.TemporaryDirectory(prefix="heat-bench-") as folder:
        given = _made(Path(folder))
        for name in wanted:
            found = ADDON_SECTIONS[name](given, _report)
            if isinstance(found, str):
                skipped[name] = found
            else:
                rows += found
    return rows, skipped


def _made(folder: Path) -> Given:
    with native_logs_hidden():
        return make_given(folder)


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
