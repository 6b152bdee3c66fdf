# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's environment on disk: a folder of packages that Blender's Python is started with.

Below `Places.environments` each set-up makes a folder of its own (e1, e2, ...); the file
`current.json` says which one counts. It is written last, whole or not at all, so that the old
environment serves until the new one is tried, and nothing in use is ever renamed. Networks
(PyTorch) lie in a folder beside (n1, n2, ...), which one line of a ``.pth`` file adds.
No bpy here.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ... import bridge
from . import packed
from .interpreter import ISOLATED
from .packed import Packed
from .patience import patiently, remove_tree
from .places import Places

ABSENT = "absent"
UNFINISHED = "unfinished"
STALE = "stale"
READY = "ready"

_POINTER = "current.json"
_MARK = "heat_environment.json"
_NETWORKS_MARK = "heat_networks.json"
_PACKAGES = "packages"
_LAUNCHER = "run_heat.py"
_NETWORKS_LINK = "heat_networks.pth"

_LAUNCHER_TEXT = '''\
"""Starts heat_backend with this environment's packages and no others. Made by the set-up."""
import os
import site
import sys

if __name__ == "__main__":
    if list(sys.version_info[:2]) != {version}:
        sys.exit("error: the backend was set up for Python {python}: set it up again")
    packages = os.path.join(os.path.dirname(os.path.abspath(__file__)), "{packages}")
    site.addsitedir(packages)  # reads .pth files, too
    # The same for processes that the backend starts.
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    ours = os.path.dirname(os.path.dirname(packages))
    added = [path for path in sys.path if path.startswith(ours)]
    os.environ.update(PYTHONPATH=os.pathsep.join(added), PYTHONNOUSERSITE="1", PYTHONUTF8="1",
                      PYTHONSAFEPATH="1", HEAT_ADDON_ENVIRONMENT="1")
    import runpy

    runpy.run_module("heat_backend", run_name="__main__", alter_sys=True)
'''


@dataclass(frozen=True)
class Mark:
    """What stands in a finished environment.

    Attributes
    ----------
    interpreter, python : str
        What runs it, and its version as "3.13".
    own : bool
        Whether that is Blender's own Python, which an update of Blender changes.
    wheel, wheel_sha256, lock_sha256 : str
        What it was made from.
    """

    interpreter: str
    python: str
    own: bool
    wheel: str
    wheel_sha256: str
    lock_sha256: str


@dataclass(frozen=True)
class NetworksMark:
    """What stands in a folder of networks: version of Python, build of PyTorch, what was asked."""

    python: str
    torch_build: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Environment:
    """How the backend's program is started: what every caller needs.

    Attributes
    ----------
    command : tuple of str
        Program and arguments, to which a command such as "serve" is added.
    environment : dict
        Variables to set for it.
    """

    command: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class Found:
    """The state of the environment.

    Attributes
    ----------
    state : str
        ABSENT, UNFINISHED, STALE or READY.
    reason : str
        Why it is stale, as a sentence.
    folder : Path or None
        The current environment's folder.
    mark : Mark or None
        Its mark.
    networks : NetworksMark or None
        The networks that belong to it.
    """

    state: str
    reason: str = ""
    folder: Path | None = None
    mark: Mark | None = None
    networks: NetworksMark | None = None

    def runnable(self, own: str = sys.executable) -> Environment | None:
        """Return how to start it, or None where that Python is gone or has changed."""
        if self.folder is None or self.mark is None:
            return None
        here = self.mark.own and self.mark.interpreter == own
        changed = here and self.mark.python != packed.this_python()
        if changed or not Path(self.mark.interpreter).is_file():
            return None
        return at(self.folder, self.mark.interpreter)


def at(folder: Path, interpreter: str) -> Environment:
    """Return how the environment in a folder is started."""
    return Environment((interpreter, *ISOLATED, str(folder / _LAUNCHER)), {})


def packages_of(folder: Path) -> Path:
    """Return where an environment's packages are."""
    return folder / _PACKAGES


def look(places: Places, brought: Packed | None, python: str = "") -> Found:
    """Return the state of the current environment.

    Parameters
    ----------
    places : Places
        Where it is.
    brought : Packed or None
        What this add-on would install; None (a checkout) takes any finished environment.
    python : str
        Version that a set-up would be for; Blender's own when empty.
    """
    folder = _current(places)
    mark = _read(folder / _MARK, Mark) if folder is not None else None
    if folder is None or mark is None:
        there = places.work.is_dir() or _others(places, None)
        if (places.environments / _MARK).is_file():  # its layout until version 0.1
            return Found(STALE, "The backend was set up by an earlier version of the add-on")
        return Found(UNFINISHED if there else ABSENT)
    networks = _networks(folder)
    wanted = python or (packed.this_python() if mark.own else mark.python)
    if mark.python != wanted:
        reason = f"The backend was set up for Python {mark.python}, Blender now has {wanted}"
        return Found(STALE, reason, folder, mark, networks)
    if brought is not None and (mark.wheel_sha256, mark.lock_sha256) != (
        packed.digest(brought.backend),
        packed.digest(brought.lock),
    ):
        reason = "The backend is of another version than the add-on"
        return Found(STALE, reason, folder, mark, networks)
    return Found(READY, "", folder, mark, networks)


def new_folder(places: Places, letter: str) -> Path:
    """Make and return a folder for a new environment ("e") or new networks ("n")."""
    places.environments.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:  # short names: Windows allows 260 letters for a whole path
        folder = places.environments / f"{letter}{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def write_launcher(folder: Path, python: str) -> None:
    """Write the file that starts the backend; `python` as "3.13"."""
    version = [int(part) for part in python.split(".")]
    text = _LAUNCHER_TEXT.format(version=version, python=python, packages=_PACKAGES)
    (folder / _LAUNCHER).write_text(text, encoding="utf-8")


def finish(places: Places, folder: Path, mark: Mark) -> None:
    """Mark a whole environment and make it the current one, in one step that cannot half happen."""
    _write(folder / _MARK, asdict(mark))
    _write(places.environments / _POINTER, {"folder": folder.name})


def finish_networks(networks: Path, mark: NetworksMark) -> None:
    """Mark whole networks."""
    _write(networks / _NETWORKS_MARK, asdict(mark))


def link_networks(folder: Path, networks: Path) -> None:
    """Let an environment have the networks of a folder, in one step that cannot half happen."""
    with bridge.whole_file.whole_file(packages_of(folder) / _NETWORKS_LINK) as part:
        part.write_text(f"../../{networks.name}/{_PACKAGES}\n", encoding="utf-8")


def networks_folder(folder: Path) -> Path | None:
    """Return the folder of the networks that belong to an environment, or None."""
    try:
        line = (packages_of(folder) / _NETWORKS_LINK).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    networks = folder.parent / Path(line).parent.name
    return networks if networks.is_dir() else None


def sweep(places: Places) -> list[Path]:
    """Remove what belongs to no current environment; return what could not be removed yet."""
    kept: list[Path] = []
    for path in _others(places, _current(places)):
        kept += remove_tree(path)
    return kept


def _others(places: Places, current: Path | None) -> list[Path]:
    keep = {_POINTER}
    if current is not None:
        keep.add(current.name)
        networks = networks_folder(current)
        if networks is not None:
            keep.add(networks.name)
    try:
        return [path for path in places.environments.iterdir() if path.name not in keep]
    except OSError:
        return []


def _current(places: Places) -> Path | None:
    try:
        text = (places.environments / _POINTER).read_text(encoding="utf-8")
        name = str(json.loads(text)["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    folder = places.environments / Path(name).name
    return folder if folder.is_dir() else None


def _networks(folder: Path) -> NetworksMark | None:
    networks = networks_folder(folder)
    return _read(networks / _NETWORKS_MARK, NetworksMark) if networks is not None else None


def _read(path: Path, kind: Any) -> Any:
    with contextlib.suppress(OSError, ValueError, TypeError):
        values = json.loads(path.read_text(encoding="utf-8"))
        if "requirements" in values:
            values["requirements"] = tuple(values["requirements"])
        return kind(**values)
    return None


def _write(path: Path, values: dict[str, Any]) -> None:
    def write() -> None:
        with bridge.whole_file.whole_file(path) as part:
            part.write_text(json.dumps(values, indent=1), encoding="utf-8")

    patiently(write)
