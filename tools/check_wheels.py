# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve the default lock for every system and Python, and tell what each downloads.

Prints a Markdown table, which stands in ``docs/INSTALL.md``. With ``--write`` the sizes go to
``locks/sizes.json`` as well, for the add-on to tell them beforehand. It needs the network.

Usage: ``python tools/check_wheels.py [--write]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging import tags, utils

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "locks" / "default.txt"
SIZES = ROOT / "locks" / "sizes.json"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# uv's names of the systems; the oldest ones that all wheels run on.
PLATFORMS = {
    "windows-x86_64": "x86_64-pc-windows-msvc",
    "macos-arm64": "aarch64-apple-darwin",
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
}
MACOS = "14.0"  # where onnxruntime's wheels begin
TITLES = {
    "windows-x86_64": "Windows, x86-64",
    "macos-arm64": f"macOS {MACOS.partition('.')[0]} or newer, Apple silicon",
    "linux-x86_64": "Linux, glibc 2.28 or newer, x86-64",
    "linux-aarch64": "Linux, glibc 2.28 or newer, aarch64",
}


# What pip on those systems takes, best first.
GLIBC = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014")
PLATFORM_TAGS = {
    "windows-x86_64": ["win_amd64"],
    "macos-arm64": list(tags.mac_platforms((14, 0), "arm64")),
    "linux-x86_64": [f"{glibc}_x86_64" for glibc in GLIBC],
    "linux-aarch64": [f"{glibc}_aarch64" for glibc in GLIBC],
}


class UnresolvedError(Exception):
    """The lock cannot be installed on a system; the message says what is missing."""


def downloads(platform: str, python: str) -> dict[str, int]:
    """Resolve the lock for one system and Python.

    Returns
    -------
    dict of str to int
        Size in bytes of each package's wheel.

    Raises
    ------
    UnresolvedError
        If a package has no wheel there, or one that the lock does not let through.
    """
    with tempfile.TemporaryDirectory(prefix="heat-wheels-") as folder:
        target = Path(folder) / "pylock.toml"
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--format",
            "pylock.toml",
        ]
        command += ["--only-binary", ":all:", "--generate-hashes", "--python-version", python]
        command += [
            "--python-platform",
            PLATFORMS[platform],
            "--output-file",
            str(target),
            str(LOCK),
        ]
        environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UnresolvedError(f"{platform}, Python {python}: {done.stderr.strip()}")
        packages = tomllib.loads(target.read_text("utf-8"))["packages"]
    locked = LOCK.read_text("utf-8")
    preferred = _tags(platform, python)
    found = {}
    for package in packages:
        wheels = [w for w in package.get("wheels", []) if w["hashes"]["sha256"] in locked]
        ranked = [(_rank(w["url"], preferred), w) for w in wheels]
        fitting = [(rank, w["size"]) for rank, w in ranked if rank is not None]
        if not fitting:
            raise UnresolvedError(f"{platform}, Python {python}: no wheel of {package['name']}")
        found[package["name"]] = int(min(fitting)[1])
    return found


def _tags(platform: str, python: str) -> list[tags.Tag]:
    major, minor = (int(part) for part in python.split("."))
    version, names = (major, minor), PLATFORM_TAGS[platform]
    native = tags.cpython_tags(version, platforms=names)
    pure = tags.compatible_tags(version, interpreter=f"cp{major}{minor}", platforms=names)
    return [*native, *pure]


def _rank(url: str, preferred: list[tags.Tag]) -> int | None:
    """Place of a wheel among what pip prefers, 0 the best; None if it does not fit."""
    fitting = utils.parse_wheel_filename(url.rpartition("/")[2])[3]
    return next((place for place, tag in enumerate(preferred) if tag in fitting), None)


def table(sizes: dict[str, dict[str, dict[str, int]]]) -> str:
    """Draw the sizes as Markdown: a row a package, a column a system, megabytes.

    A cell is a range where the Pythons differ by more than its last digit.
    """
    names = sorted({n for pythons in sizes.values() for found in pythons.values() for n in found})
    lines = ["| package | " + " | ".join(TITLES[platform] for platform in sizes) + " |"]
    lines.append("| --- |" + " ---: |" * len(sizes))
    for name in (*names, "all"):
        cells = []
        for pythons in sizes.values():
            totals = [
                sum(found.values()) if name == "all" else found.get(name, 0)
                for found in pythons.values()
            ]
            low, high = (f"{size / 1e6:.1f}" for size in (min(totals), max(totals)))
            cells.append(low if low == high else f"{low} - {high}")
        label = "**all, MB**" if name == "all" else name
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Check from the command line; 0 when the lock resolves everywhere."""
    parser = argparse.ArgumentParser(description="Check the lock's wheels on every system.")
    parser.add_argument("--write", action="store_true", help=f"write {SIZES.name} as well")
    write = parser.parse_args().write
    try:
        with ThreadPoolExecutor(4) as pool:  # most of the time is waiting for the index
            asked = {p: {v: pool.submit(downloads, p, v) for v in PYTHONS} for p in PLATFORMS}
        sizes = {p: {v: job.result() for v, job in jobs.items()} for p, jobs in asked.items()}
    except UnresolvedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"Download of the default set in MB, Python {PYTHONS[0]} to {PYTHONS[-1]}:\n")
    print(table(sizes))
    if write:
        SIZES.write_text(json.dumps(sizes, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
