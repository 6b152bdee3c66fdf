# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat doctor``: what works on this machine, and what mends the rest."""

from __future__ import annotations

import argparse
import sys

from bridge.checks import MISSING, OK, OPTIONAL, WARNING, Report, format_report
from heat_backend.cli.native_logs import native_logs_hidden

_MARKS = {OK: "ok      ", MISSING: "MISSING ", WARNING: "warning ", OPTIONAL: "optional"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check and print; 4 when something needed is missing."""
    from heat_backend import __version__
    from heat_backend.cli.health import all_checks

    show = not args.json and sys.stderr.isatty()

    def tell(what: str) -> None:
        if show:
            print(f"\r\033[Kchecking {what} ...", end="", file=sys.stderr, flush=True)

    with native_logs_hidden(not args.debug):
        checks = all_checks(tell)
    if show:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    report = Report(__version__, tuple(checks))
    if args.json:
        print(format_report(report))
    else:
        for check in checks:
            print(f"{_MARKS[check.state]} {check.name}: {check.detail}")
            if check.mend:
                print(f"           -> {check.mend}")
        missing = ", ".join(report.missing)
        print(f"missing: {missing}" if missing else "everything needed is here")
    return 4 if report.missing else 0
