# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat bench``: the project's own benchmark on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bridge.errors import UsageError
from heat_backend.bench.collect import OWN_MEMORY_FRAMES, sections
from heat_backend.cli import options
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.engines.registry import descriptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    known = list(sections())
    theirs = "".join(
        f"; engine {engine.name}: {engine.bench.memory_frames}, "
        "which is asked for with --only memory and takes long on a CPU"
        for engine in descriptions()
        if engine.bench is not None
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--portrait", type=Path, metavar="IMG", help="photo to measure on (default: the astronaut)"
    )
    parser.add_argument(
        "--only",
        metavar="SECTION",
        help=f"one section only: {', '.join(known[:-1])} or {known[-1]}",
    )
    parser.add_argument(
        "--frames",
        type=int,
        metavar="N",
        help=f"how many frames the section memory draws (default: {OWN_MEMORY_FRAMES}{theirs})",
    )
    options.add_engine_options(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print; a missed target is reported, not an error."""
    from heat_backend.bench.collect import BenchSettings, collect, machine
    from heat_backend.bench.rows import table

    if args.frames is not None and args.frames < 1:
        raise UsageError(f"--frames {args.frames}: give a number from 1 on")
    settings = BenchSettings(args.portrait, args.engine, args.device, args.frames)
    with native_logs_hidden(not args.debug):
        rows = collect(settings, args.only, lambda text: print(text, file=sys.stderr, flush=True))
    if args.json:
        print(json.dumps({"machine": machine(), "rows": [row.as_dict() for row in rows]}))
    else:
        print(table(rows))
    return 0
