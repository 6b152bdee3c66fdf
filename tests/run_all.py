# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every part of ``make test``, or with ``check`` the quick parts, and count them together.

Parts run in two lanes at once, since several of them wait for Blender rather than compute; a
part's output is printed whole when it ends. The last line counts all parts: a lint or type
check counts as one test. Any part that fails, fails the whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / ".cache" / "test-reports"
PYTHON = sys.executable


@dataclass(frozen=True)
class Part:
    """One command: a check that passes or fails as one, or a pytest run that counts its own."""

    name: str
    command: tuple[str, ...]
    report: Path | None = None  # where pytest writes its JUnit XML; None for a plain check


@dataclass(frozen=True)
class Outcome:
    """What a part came to."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def check(name: str, *command: str) -> Part:
    return Part(name, (PYTHON, "-m", *command))


def tests(name: str, *arguments: str, python: str = PYTHON) -> Part:
    report = REPORTS / f"{name.replace(' ', '-')}.xml"
    options = ("-q", "-rs", "--color=no", "-p", "no:cacheprovider", f"--junitxml={report}")
    return Part(name, (python, "-m", "pytest", *options, *arguments), report)


BLENDER_FOLDERS = ("tests/addon", "tests/gui")


def static_checks() -> tuple[Part, ...]:
    return (
        check("ruff check", "ruff", "check", "."),
        check("ruff format", "ruff", "format", "--check", "."),
        check("mypy", "mypy", "--no-incremental"),  # its cache goes stale as files come and go
    )


def unit_folders() -> list[str]:
    """Folders of tests that need no Blender."""
    found = [f"tests/{p.name}" for p in sorted((ROOT / "tests").iterdir()) if _holds_tests(p)]
    return [name for name in found if name not in BLENDER_FOLDERS]


def quick_lanes() -> tuple[Sequence[Part], ...]:
    """What ``make check`` runs."""
    return static_checks(), (tests("unit", "-m", "not slow and not large", *unit_folders()),)


def all_lanes() -> tuple[Sequence[Part], ...]:
    """What ``make test`` runs; the lanes share nothing on disk but the sources."""
    first = (*static_checks(), tests("unit", "-m", "not large", *unit_folders()))
    second = (
        tests("add-on in bpy 5.0", "tests/addon"),
        tests("add-on in bpy 4.5", "tests/addon", python=str(ROOT / ".venv-bpy45/bin/python")),
        tests("add-on in bpy 4.2", "tests/addon", python=str(ROOT / ".venv-bpy42/bin/python")),
        tests("window", "tests/gui"),
        tests("large networks", "-m", "large", "tests/styleheat"),
    )
    return first, second


def _holds_tests(path: Path) -> bool:
    return path.is_dir() and next(path.rglob("test_*.py"), None) is not None


def run(part: Part) -> Outcome:
    """Run one part, print its output, and count."""
    began = time.monotonic()
    # Blender's own settings and extensions of the user stay untouched by any test.
    environment = {**os.environ}
    environment.setdefault("BLENDER_USER_RESOURCES", str(ROOT / ".cache" / "test-blender-home"))
    done = subprocess.run(
        part.command, cwd=ROOT, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    seconds = time.monotonic() - began
    print(f"\n=== {part.name} ({seconds:.0f} s)\n{done.stdout.rstrip()}", flush=True)
    if part.report is None:
        return Outcome(part.name, int(done.returncode == 0), int(done.returncode != 0), 0, seconds)
    passed, failed, skipped = _counts(part.report)
    if done.returncode != 0 and failed == 0:
        failed = 1  # it broke off before it could report a single test
    return Outcome(part.name, passed, failed, skipped, seconds)


def _counts(report: Path) -> tuple[int, int, int]:
    if not report.is_file():
        return 0, 0, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, bad, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites for key in keys)
        for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    return total - bad - skipped, bad, skipped


def main(arguments: Sequence[str]) -> int:
    """Run all, or the quick parts; 0 when nothing failed."""
    if list(arguments) not in ([], ["check"]):
        print("usage: run_all.py [check]", file=sys.stderr)
        return 2
    lanes = quick_lanes() if arguments else all_lanes()
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.glob("*.xml"):
        old.unlink()
    with ThreadPoolExecutor(2) as pool:
        outcomes = [o for lane in pool.map(lambda parts: [run(p) for p in parts], lanes)
                    for o in lane]  # fmt: skip
    print("\n=== all parts")
    for outcome in outcomes:
        print(f"{outcome.name:20} {outcome.passed:5} passed {outcome.failed:4} failed "
              f"{outcome.skipped:4} skipped {outcome.seconds:6.0f} s")  # fmt: skip
    passed, failed, skipped = (
        sum(getattr(o, key) for o in outcomes) for key in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
