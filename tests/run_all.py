# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every part of ``make test``, or with ``check`` the quick parts, and count them together.

Two parts run at once, since several of them wait for Blender rather than compute: the longest
ones begin, and whoever is free takes the next. A part's output is printed whole when it ends. The
last line counts all parts: a lint or type check counts as one test, and so does a part that is
left out because this machine lacks its environment. Any part that fails, fails the whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / ".cache" / "test-reports"
MYPY_CACHES = ROOT / ".cache" / "mypy"
PYTHON = sys.executable
# Seconds that parts take on two cores, to begin with the longest; others are short.
SECONDS = {
    "large networks": 520, "window": 390, "styleheat": 360, "add-on in bpy 5.3": 340, "warp": 300,
    "add-on in bpy 5.0": 220, "cli": 200, "add-on in bpy 4.5": 190, "add-on in bpy 4.2": 190,
    "py 3.13": 160, "mypy": 100, "demo": 80, "serve": 70, "tracking": 65, "speech": 50,
    "edits": 40, "addon_core": 40, "matching": 30, "house": 30,
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One command: a check that passes or fails as one, or a pytest run that counts its own."""

    name: str
    command: tuple[str, ...]
    report: Path | None = None  # where pytest writes its JUnit XML; None for a plain check
    missing: str = ""  # why it cannot run on this machine


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


def tests(name: str, *arguments: str, folder: str | None = None) -> Part:
    """Pytest on some tests, in the main environment or in that of a folder of this checkout."""
    report = REPORTS / f"{name.replace(' ', '-')}.xml"
    python = str(ROOT / folder / "bin" / "python") if folder else PYTHON
    options = ("-q", "-rs", "--color=no", "-p", "no:cacheprovider", f"--junitxml={report}")
    missing = "" if Path(python).is_file() else f"there is no {folder} here"
    return Part(name, (python, "-m", "pytest", *options, *arguments), report, missing)


# Half of the quick tests by their time, as two parts run at once.
HALF_OF_QUICK = ("tests/cli", "tests/house", "tests/serve", "tests/styleheat")
BLENDER_FOLDERS = ("tests/addon", "tests/gui")


def static_checks() -> tuple[Part, ...]:
    return (
        check("ruff check", "ruff", "check", "."),
        check("ruff format", "ruff", "format", "--check", "."),
        check("mypy", "mypy", "--cache-dir", str(mypy_cache())),
    )


def mypy_cache() -> Path:
    """Folder of mypy's cache for exactly these files, settings and packages.

    mypy follows changes inside files; a cache that has seen other files or packages told of
    modules that were gone.
    """
    houses = ("bridge", "heat_backend", "blender_addon", "tools")
    names = sorted(str(path.relative_to(ROOT)) for h in houses for path in (ROOT / h).rglob("*.py"))
    packages = sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    key = "\n".join((sys.version, settings, *names, *packages))
    folder = MYPY_CACHES / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not folder.is_dir():
        shutil.rmtree(MYPY_CACHES, ignore_errors=True)
    return folder


def unit_folders() -> list[str]:
    """Folders of tests that need no Blender."""
    found = [f"tests/{p.name}" for p in sorted((ROOT / "tests").iterdir()) if _holds_tests(p)]
    return [name for name in found if name not in BLENDER_FOLDERS]


def quick_parts() -> list[Part]:
    """What ``make check`` runs."""
    chosen = ("-m", "not slow and not large")
    first = [folder for folder in unit_folders() if folder in HALF_OF_QUICK]
    second = [folder for folder in unit_folders() if folder not in HALF_OF_QUICK]
    return [*static_checks(), tests("unit 1", *chosen, *first), tests("unit 2", *chosen, *second)]


def all_parts() -> list[Part]:
    """What ``make test`` runs, the longest parts first; they share nothing on disk but sources."""
    folders = [(f.removeprefix("tests/"), f) for f in unit_folders()]
    fast = ("-m", "not slow and not large")
    parts = [
        *static_checks(),
        *(tests(name, "-m", "not large", folder) for name, folder in folders),
        tests("py 3.13", *fast, *unit_folders(), folder=".venv-py313"),
        tests("add-on in bpy 5.3", "tests/addon", folder=".venv-bpy53"),
        *(
            tests(f"add-on in bpy {v[0]}.{v[1]}", "-m", "not any_blender", "tests/addon",
                  folder=f".venv-bpy{v}") for v in ("50", "45", "42")
        ),
        tests("window", "tests/gui"),
        tests("large networks", "-m", "large", "tests/styleheat"),
    ]  # fmt: skip
    return sorted(parts, key=lambda part: -SECONDS.get(part.name, 0))


def _holds_tests(path: Path) -> bool:
    return path.is_dir() and next(path.rglob("test_*.py"), None) is not None


def run(part: Part) -> Outcome:
    """Run one part, print its output, and count."""
    if part.missing:
        print(f"\n=== {part.name}: left out, {part.missing}", flush=True)
        return Outcome(part.name, 0, 0, 1, 0.0)
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
    parts = quick_parts() if arguments else all_parts()
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.glob("*.xml"):
        old.unlink()
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run, parts))
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
