# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat conformance``: the StyleHEAT networks against recorded numbers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import MissingHere, UsageError
from heat_backend.cli.options import DEVICES
from heat_backend.engines.registry import require_packages
from heat_backend.styleheat.description import DESCRIPTION

if TYPE_CHECKING:
    from heat_backend.styleheat.conformance.case_file import CaseFile
    from heat_backend.styleheat.conformance.run import CaseReport

OWN_CASES = Path(__file__).resolve().parents[3] / "tests" / "styleheat" / "cases"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--manifest", type=Path, metavar="M", help="layout of the networks (default: Heat's own)"
    )
    parser.add_argument(
        "--cases", type=Path, metavar="DIR", help="folder of CASE.seedN.npz (default: Heat's own)"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="this case only; can be given repeatedly"
    )
    parser.add_argument(
        "--device", default="cpu", choices=DEVICES, help="where to compute (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the cases; 1 when one fails."""
    require_packages(DESCRIPTION.name)
    from heat_backend.styleheat.conformance.case_file import find_cases
    from heat_backend.styleheat.conformance.run import pick_device, run_cases
    from heat_backend.styleheat.weights.manifest import PATH, load_manifest

    manifest = load_manifest(args.manifest or PATH)
    cases = _chosen(find_cases(args.cases or _own_cases()), args.only)
    device = pick_device(args.device)
    reports = []
    for report in run_cases(cases, manifest, device):
        reports.append(report)
        if not args.json:
            print(_lines(report), flush=True)
    failed = [report for report in reports if not report.ok]
    if args.json:
        rows = [report.as_dict() for report in reports]
        print(json.dumps({"ok": not failed, "device": str(device), "cases": rows}))
    else:
        print(f"{len(reports) - len(failed)} of {len(reports)} cases pass")
    return 1 if failed else 0


def _own_cases() -> Path:
    if not OWN_CASES.is_dir():
        raise MissingHere(
            "the recorded cases come with Heat's source, not with this installation: "
            "name their folder with --cases"
        )
    return OWN_CASES


def _chosen(cases: list[CaseFile], only: list[str] | None) -> list[CaseFile]:
    if not only:
        return cases
    missing = set(only) - {case.name for case in cases} - {case.label for case in cases}
    if missing:
        raise UsageError(f"--only {', '.join(sorted(missing))}: the folder holds no such case")
    return [case for case in cases if case.name in only or case.label in only]


def _lines(report: CaseReport) -> str:
    mark = "ok  " if report.ok else "FAIL"
    head = f"{mark} {report.name} (seed {report.seed}, {report.seconds:.1f} s)"
    lines = [head if report.failure is None else f"{head}: {report.failure}"]
    for output in report.outputs:
        first, worst = output.measures[0], output.worst
        text = f"       {output.name:22} max error {first.error:.2e} / {first.limit:.2e}"
        lines.append(f"{text}   nearest to its limit: {worst.name} {worst.share:.3f}")
        lines += [
            f"       {'':22} FAIL {m.name}: {m.error:.3e} is over {m.limit:.3e}"
            for m in output.measures
            if not m.ok
        ]
    return "\n".join(lines)
