# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that runs the backend: Blender's own, or one that the user names by its whole path.

Nothing is looked up on PATH. No bpy here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ... import bridge

ISOLATED = ("-I", "-S", "-X", "utf8")
"""Flags of a Python that sees only its own library: -I leaves out the user's site-packages and all
PYTHON* variables, -S Blender's site-packages."""

_PROBE = """\
import json, sys, platform
found = {"version": list(sys.version_info[:2]), "lacks": [], "tags": []}
for name in ("ssl", "ctypes", "zlib", "sqlite3"):
    try:
        __import__(name)
    except ImportError:
        found["lacks"].append(name)
sys.path.insert(0, sys.argv[1])
from pip._vendor.packaging import tags
found["tags"] = [str(tag) for tag in tags.sys_tags()]
print(json.dumps(found))
"""
_PROBE_SECONDS = 60.0  # generous: a cold start from a slow disk takes long


@dataclass(frozen=True)
class Interpreter:
    """A Python to run the backend with.

    Attributes
    ----------
    path : str
        Its program.
    version : str
        Such as "3.13".
    own : bool
        Whether it is Blender's.
    lacks : frozenset of str
        Modules of the standard library that it has not, of those that matter.
    tags : tuple of str
        Wheels that fit, such as "cp313-cp313-manylinux_2_28_x86_64", best first.
    """

    path: str
    version: str
    own: bool
    lacks: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe:
    """Result of running a candidate; `version` is None where it does not run."""

    version: tuple[int, int] | None
    lacks: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()


def probe(path: str, pip_folder: Path) -> Probe:
    """Run a Python and ask what it is; pip, unpacked in a folder, tells which wheels fit."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(
            [path, *ISOLATED, "-c", _PROBE, str(pip_folder)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=_PROBE_SECONDS,
            env=child_environment(os.environ),
            creationflags=flags,
            check=False,
        )
        found = json.loads(done.stdout.strip().splitlines()[-1])
        major, minor = found["version"]
        return Probe((int(major), int(minor)), frozenset(found["lacks"]), tuple(found["tags"]))
    except (OSError, ValueError, LookupError, TypeError, subprocess.TimeoutExpired):
        return Probe(None)


def find(
    named: str,
    pip_folder: Path,
    *,
    own: str = sys.executable,
    probe_with: Callable[[str, Path], Probe] = probe,
) -> Interpreter:
    """Return the Python to use: the one named in the preferences, else Blender's own.

    Parameters
    ----------
    named : str
        Whole path from the preferences; "" for Blender's own.
    pip_folder : Path
        Where pip was unpacked.
    own : str
        Blender's own Python.
    probe_with : callable
        Replaced in tests.

    Raises
    ------
    BadInput
        The named one is no whole path.
    MissingHere
        It does not run, or is too old or too new.
    """
    if named and not Path(named).is_absolute():
        raise bridge.errors.BadInput(
            f'Name the Python in the preferences by its whole path, not "{named}"'
        )
    path = named or own
    answer = probe_with(path, pip_folder) if path else Probe(None)
    if answer.version is None:
        if named:
            raise bridge.errors.MissingHere(
                f'The Python named in the preferences ("{named}") does not run'
            )
        raise bridge.errors.MissingHere(
            f"Blender's own Python ({own or 'none is known'}) does not run as a program of its "
            "own: name a Python 3.11 to 3.14 in the preferences"
        )
    version = ".".join(map(str, answer.version))
    if answer.version not in bridge.machine_checks.PYTHONS:
        whose = f'The Python named in the preferences ("{named}")' if named else "Blender's Python"
        raise bridge.errors.MissingHere(
            f"{whose} is {version}, but one from 3.11 to 3.14 is needed"
            + ("" if named else ": name another in the preferences")
        )
    return Interpreter(path, version, not named, answer.lacks, answer.tags)


def child_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for another Python than this one, free of this one's settings."""
    kept = {name: value for name, value in base.items() if not name.startswith("PYTHON")}
    for name in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
        kept.pop(name, None)
    kept["PYTHONNOUSERSITE"] = "1"
    kept["PYTHONUTF8"] = "1"
    kept["PYTHONSAFEPATH"] = "1"  # `-m` must not find a package in the folder we happen to be in
    return kept
