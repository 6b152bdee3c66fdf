# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a Python 3.11 or 3.12 from which the backend's environment can be made.

Pure but for running candidates: no bpy here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ... import bridge

SUPPORTED = ((3, 11), (3, 12))
_PROBE = (
    "import sys; print(sys.version_info[0], sys.version_info[1], flush=True); "
    "import venv, ensurepip"
)
_PROBE_SECONDS = 20.0  # generous: a cold start from a slow disk takes long
LACKS_VENV = "lacks venv"


@dataclass(frozen=True)
class Interpreter:
    """A Python to make the environment from.

    Attributes
    ----------
    command : tuple of str
        How to call it, e.g. ("/usr/bin/python3.11",) or ("py", "-3.11"); for uv the tool itself.
    version : tuple of 2 ints
        Such as (3, 11).
    origin : str
        "named" (in the preferences), "path", "blender" or "uv".
    """

    command: tuple[str, ...]
    version: tuple[int, int]
    origin: str


@dataclass(frozen=True)
class Probe:
    """Result of running a candidate: its version, and why it cannot serve, "" if it can."""

    version: tuple[int, int] | None
    trouble: str = ""


def probe(command: tuple[str, ...]) -> Probe:
    """Run a candidate and ask for its version and for `venv`."""
    try:
        done = subprocess.run(
            [*command, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            env=child_environment(os.environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Probe(None, "does not run")
    try:
        major, minor = (int(part) for part in done.stdout.split()[:2])
    except ValueError:
        return Probe(None, "does not run")
    return Probe((major, minor), LACKS_VENV if done.returncode else "")


def find(
    named: str,
    *,
    own: str = sys.executable,
    probe_with: Callable[[tuple[str, ...]], Probe] = probe,
    which: Callable[[str], str | None] | None = None,
    platform: str = sys.platform,
) -> Interpreter:
    """Return the first interpreter that serves, in the documented order.

    The one named in the preferences, else python3.11 or python3.12 on PATH, else Blender's own
    when it is one of these, else `uv`, which brings a Python of its own.

    Parameters
    ----------
    named : str
        Path from the preferences; "" when none.
    own : str
        Blender's own Python; used to make an environment beside it, never changed.
    probe_with, which, platform : callables and str
        Replaced in tests.

    Raises
    ------
    MissingHere
        None serves; the message says what to install.
    """
    look_up = which or _which_with_usual_places
    if named:
        return _named(named, probe_with)
    no_venv = ""
    for command in _on_path(look_up, platform):
        result = probe_with(command)
        if result.version not in SUPPORTED:
            continue
        if not result.trouble:
            return Interpreter(command, result.version, "path")
        no_venv = no_venv or "python{}.{}".format(*result.version)
    if own and (answer := probe_with((own,))).version in SUPPORTED and not answer.trouble:
        return Interpreter((own,), answer.version, "blender")
    uv = look_up("uv")
    if uv:
        return Interpreter((uv,), SUPPORTED[0], "uv")
    raise bridge.errors.MissingHere(_what_to_install(no_venv, platform))


def described(chosen: Interpreter) -> str:
    """Return in a sentence which interpreter the environment is made from."""
    version = "Python {}.{}".format(*chosen.version)
    if chosen.origin == "uv":
        return f"Made by uv ({chosen.command[0]}), which brings {version}"
    if chosen.origin == "blender":
        return f"Made from Blender's own {version}, which stays as it is"
    return f"Made from {version}: {' '.join(chosen.command)}"


def child_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for another Python than Blender's, free of Blender's settings."""
    kept = dict(base)
    for name in (
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "VIRTUAL_ENV",
        "__PYVENV_LAUNCHER__",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
    ):
        kept.pop(name, None)
    kept["PYTHONNOUSERSITE"] = "1"
    kept["PYTHONUTF8"] = "1"
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    kept["PYTHONSAFEPATH"] = "1"  # `-m` must not find a package in the folder we happen to be in
    return kept


def _named(named: str, probe_with: Callable[[tuple[str, ...]], Probe]) -> Interpreter:
    result = probe_with((named,))
    if result.version in SUPPORTED and not result.trouble:
        return Interpreter((named,), result.version, "named")
    if result.version is not None and result.version not in SUPPORTED:
        version = "Python " + ".".join(map(str, result.version))
        wrong = f"is {version}, but 3.11 or 3.12 is needed"
    elif result.trouble == LACKS_VENV:
        wrong = "cannot make environments: install its venv package"
    else:
        wrong = "does not run"
    raise bridge.errors.MissingHere(f'The interpreter named in the preferences ("{named}") {wrong}')


def _on_path(look_up: Callable[[str], str | None], platform: str) -> list[tuple[str, ...]]:
    commands: list[tuple[str, ...]] = []
    for major, minor in SUPPORTED:
        path = look_up(f"python{major}.{minor}")
        if path:
            commands.append((path,))
    if platform == "win32" and (launcher := look_up("py")):
        commands += [(launcher, f"-{major}.{minor}") for major, minor in SUPPORTED]
    # Windows and some Linuxes know it by its plain name only.
    for name in ("python3", "python"):
        path = look_up(name)
        if path:
            commands.append((path,))
    return commands


def _which_with_usual_places(name: str) -> str | None:
    """Look on PATH, then where a Mac keeps what its applications' short PATH leaves out."""
    found = shutil.which(name)
    if found or sys.platform == "win32":
        return found
    versions = [f"/Library/Frameworks/Python.framework/Versions/{a}.{b}/bin" for a, b in SUPPORTED]
    places = ["/opt/homebrew/bin", "/usr/local/bin", str(Path.home() / ".local/bin"), *versions]
    return shutil.which(name, path=os.pathsep.join(places))


def _what_to_install(no_venv: str, platform: str) -> str:
    if no_venv:
        return (
            f"{no_venv} is there but cannot make environments: install the package "
            f"{no_venv}-venv (for example: sudo apt install {no_venv}-venv)"
        )
    where = {
        "win32": "from python.org or the Microsoft Store",
        "darwin": "from python.org, or with: brew install python@3.11",
    }.get(platform, "with your package manager, for example: sudo apt install python3.11-venv")
    return (
        f"No Python 3.11 or 3.12 was found. Install one ({where}), or name one in the "
        "preferences, then set up again"
    )
