# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the weights lie on this machine, and what of them is there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import BadInput, MissingHere
from heat_backend.styleheat.weights.catalogue import ENGINE, FILES, WeightFile

VARIABLE = "HEAT_WEIGHTS"
_CHECKOUT_FOLDER = "checkpoints"

THERE = "there"
ABSENT = "absent"
HALF = "half"


@dataclass(frozen=True)
class WeightsFolder:
    """A folder laid out like the authors' ``checkpoints/``; it need not exist yet."""

    path: Path

    def place(self, file: WeightFile) -> Path:
        """Return where a file belongs."""
        return self.path / file.place

    def state(self, file: WeightFile) -> str:
        """Return ``THERE``, ``ABSENT``, or ``HALF`` for an archive of which files are missing."""
        place = self.place(file)
        if not file.is_archive:
            return THERE if place.is_file() else ABSENT
        if any(all((place / name).is_file() for name in needed) for needed in file.members):
            return THERE
        named = {name for needed in file.members for name in needed}
        return HALF if any((place / name).is_file() for name in named) else ABSENT

    def lacking(self, use: str = ENGINE) -> tuple[WeightFile, ...]:
        """Return the files for some use that are not (wholly) there."""
        return tuple(f for f in FILES if f.use == use and self.state(f) != THERE)

    def require(self, files: tuple[WeightFile, ...]) -> None:
        """Make sure that some files are there.

        Raises
        ------
        MissingHere
            With all that are not, and what to do.
        """
        gone = [file.place for file in files if self.state(file) != THERE]
        if gone:
            raise MissingHere(
                f"the StyleHEAT engine needs weights: {', '.join(gone)} not in {self.path}; "
                "run `heat weights fetch`, or press Fetch Weights in the add-on's preferences"
            )

    def require_engine(self) -> None:
        """Make sure that everything is there that the engine cannot do without.

        Raises
        ------
        MissingHere
            As :meth:`require`.
        """
        self.require(tuple(file for file in FILES if file.use == ENGINE))


def find_folder(named: Path | None = None) -> WeightsFolder:
    """Find the weights folder: named here, else by ``HEAT_WEIGHTS``, else the user's own.

    An authors' checkout may be named too; its ``checkpoints/`` is taken then.

    Raises
    ------
    BadInput
        What is named is a file.
    """
    given = named if named is not None else _from_environment()
    path = Path(os.path.abspath(given or default_path()))  # noqa: PTH100  (keeps links)
    if path.exists() and not path.is_dir():
        raise BadInput(f"{path} is not a folder: name the folder that holds the weights")
    inner = path / _CHECKOUT_FOLDER
    if inner.is_dir() and not any((path / file.place).exists() for file in FILES):
        path = inner
    return WeightsFolder(path)


def default_path() -> Path:
    """Return the folder in the user's data, by the habit of the system."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "heat" / "weights"


def _from_environment() -> Path | None:
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named).expanduser() if named else None
