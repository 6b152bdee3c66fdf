# SPDX-License-Identifier: GPL-3.0-or-later
"""Remake the lock files: every package that an environment gets, pinned with its hashes.

One file serves all systems and all Pythons from 3.11 on; markers in it choose. What stands in
``pyproject.toml`` and below is pinned by hand; uv resolves what these bring along. A lock
names no index, so that everyone installs from the index they have. It needs the network.

Usage: ``python tools/make_locks.py [NAME ...]``, with names such as ``default`` or ``bpy53``
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTEST = "pytest==9.2.0"
COMMAND = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"),
    *("--generate-hashes", "--only-binary", ":all:"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)


@dataclass(frozen=True)
class Lock:
    """What a lock file is made from."""

    requirements: tuple[str, ...] = ()  # pinned packages; none: the project's own dependencies
    extras: tuple[str, ...] = ()  # extras of pyproject.toml
    python: str = "3.11"  # the oldest Python that the lock serves


LOCKS = {
    "default": Lock(),
    "dev": Lock(extras=("dev", "tools")),
    "pip": Lock(("pip==26.3",)),  # carried by the add-on, since Blender's Python may have none
    # Blender as a Python module; those of Python 3.11 bring numpy 1, as these do here.
    "bpy42": Lock(("bpy==4.2.23", "numpy==1.26.4", PYTEST)),
    "bpy45": Lock(("bpy==4.5.15", "numpy==1.26.4", PYTEST)),
    "bpy50": Lock(("bpy==5.0.1", "numpy==1.26.4", PYTEST)),
    "bpy53": Lock(("bpy==5.3.0", PYTEST), python="3.13"),
}


def remake(name: str, lock: Lock) -> None:
    """Resolve a lock and write ``locks/NAME.txt``."""
    source = "-" if lock.requirements else "pyproject.toml"
    extras = [word for extra in lock.extras for word in ("--extra", extra)]
    target = f"locks/{name}.txt"
    command = [*COMMAND, "--upgrade", "--python-version", lock.python, source, *extras]
    subprocess.run(
        [*command, "--output-file", target],
        cwd=ROOT, input="\n".join(lock.requirements), text=True, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    print(target)


def main(names: Sequence[str]) -> int:
    """Remake the named locks, or all."""
    unknown = sorted(set(names) - set(LOCKS))
    if unknown:
        print(f"error: no lock {', '.join(unknown)}: there are {', '.join(LOCKS)}", file=sys.stderr)
        return 2
    try:
        for name in names or LOCKS:
            remake(name, LOCKS[name])
    except subprocess.CalledProcessError as failed:
        print(f"error: uv ended with status {failed.returncode}; its words are above "
              "(pip install -e '.[tools]' brings uv)", file=sys.stderr)  # fmt: skip
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
