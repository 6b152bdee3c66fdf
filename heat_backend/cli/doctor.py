# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat doctor``: what works on this machine, and what mends the rest."""

from __future__ import annotations

import argparse
import json
import sys

from heat_backend.cli.native_logs import native_logs_hidden

HELP = "check what works on this machine and name the command that mends what does not"

_MARKS = {"ok": "ok      ", "missing": "MISSING ", "warning": "warning ", "optional": "optional"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check and print; 4 when something needed is missing."""
    from heat_backend.cli.health import MISSING, all_checks

    show = not args.json and sys.stderr.isatty()

    def report(what: str) -> None:
        if show:
            print(f"\r\033[Kchecking {what} ...", end="", file=sys.stderr, flush=True)

    with native_logs_hidden(not args.debug):
        checks = all_checks(report)
    if show:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    missing = [check.name for check in checks if check.state == MISSING]
    if args.json:
        print(json.dumps({"ok": not missing, "checks": [check.as_dict() for check in checks]}))
    else:
        for check in checks:
            print(f"{_MARKS[check.state]} {check.name}: {check.detail}")
            if check.mend:
                print(f"           -> {check.mend}")
        print("everything needed is here" if not missing else f"missing: {', '.join(missing)}")
    return 4 if missing else 0
