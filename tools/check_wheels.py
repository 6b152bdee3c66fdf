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
from pathlib import Path

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
    found = {}
    for package in packages:
        name, wheels = package["name"], package.get("wheels", [])
        if not wheels:
            raise UnresolvedError(f"{platform}, Python {python}: no wheel of {name}")
        wheel = wheels[0]  # uv names the one that it would install
        if f"sha256:{wheel['hashes']['sha256']}" not in locked:
            raise UnresolvedError(f"{platform}, Python {python}: the lock refuses {wheel['url']}")
        found[name] = int(wheel["size"])
    return found


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
        sizes = {p: {version: downloads(p, version) for version in PYTHONS} for p in PLATFORMS}
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
