# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights folder: where it is, which files are there, and its record.

The record (``heat_weights.json``) holds the checksum of each file when first seen, and the
accepted licences.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bridge.errors import BadInput, Cancelled, MissingHere
from bridge.whole_file import whole_file
from heat_backend.storage import user_folders
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
    """Return the weights folder in the user's data."""
    return user_folders.data_folder() / "weights"


def cache_folder() -> Path:
    """Return the folder of weights read in before, and of inversions."""
    return user_folders.cache_folder() / "weights"


def _from_environment() -> Path | None:
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named).expanduser() if named else None


RECORD_NAME = "heat_weights.json"
_CHUNK = 1 << 22  # bytes hashed between progress reports


@dataclass(frozen=True)
class FileChecksum:
    """Checksum and size of a file when it was first fetched or verified."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Record:
    """Files by their path in the folder, and licences by name."""

    files: Mapping[str, FileChecksum] = field(default_factory=dict)
    licences: tuple[str, ...] = ()

    def with_file(self, place: str, seen: FileChecksum) -> Record:
        """Return a record that knows one more file."""
        return Record({**self.files, place: seen}, self.licences)

    def with_licence(self, name: str) -> Record:
        """Return a record of one more accepted licence."""
        return Record(self.files, tuple(sorted({*self.licences, name})))


def read_record(folder: Path) -> Record:
    """Read a folder's record; one that is missing or damaged is empty."""
    try:
        raw = json.loads((folder / RECORD_NAME).read_text("utf-8"))
        files = {
            str(place): FileChecksum(str(seen["sha256"]), int(seen["size"]))
            for place, seen in raw["files"].items()
        }
        return Record(files, tuple(str(name) for name in raw["licences"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def write_record(folder: Path, record: Record) -> None:
    """Write a folder's record, whole or not at all.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), indent=1, sort_keys=True)
    with whole_file(folder / RECORD_NAME) as part:
        part.write_text(text + "\n", encoding="utf-8")


def checksum_file(
    path: Path,
    report: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> FileChecksum:
    """Read a file through and return its checksum and size.

    Parameters
    ----------
    path : Path
        The file.
    report : callable, optional
        Called with (bytes read, bytes in all).
    cancelled : callable
        Called between chunks.

    Raises
    ------
    Cancelled
        ``cancelled()`` became true.
    OSError
        It cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while piece := file.read(_CHUNK):
            if cancelled():
                raise Cancelled("cancelled")
            digest.update(piece)
            done += len(piece)
            if report is not None:
                report(done, size)
    return FileChecksum(digest.hexdigest(), done)
