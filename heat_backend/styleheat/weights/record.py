# SPDX-License-Identifier: GPL-3.0-or-later
"""What a weights folder remembers: the checksum of each file when first seen, accepted licences."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bridge.errors import Cancelled
from bridge.whole_file import whole_file

NAME = "heat_weights.json"
_PIECE = 1 << 22


@dataclass(frozen=True)
class Seen:
    """A file as it was when it was first fetched or verified."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Record:
    """Files by their path in the folder, and licences by name."""

    files: Mapping[str, Seen] = field(default_factory=dict)
    licences: tuple[str, ...] = ()

    def with_file(self, place: str, seen: Seen) -> Record:
        """Return a record that knows one more file."""
        return Record({**self.files, place: seen}, self.licences)

    def with_licence(self, name: str) -> Record:
        """Return a record of one more accepted licence."""
        return Record(self.files, tuple(sorted({*self.licences, name})))


def read(folder: Path) -> Record:
    """Read a folder's record; one that is missing or damaged is empty."""
    try:
        raw = json.loads((folder / NAME).read_text("utf-8"))
        files = {
            str(place): Seen(str(seen["sha256"]), int(seen["size"]))
            for place, seen in raw["files"].items()
        }
        return Record(files, tuple(str(name) for name in raw["licences"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def write(folder: Path, record: Record) -> None:
    """Write a folder's record, whole or not at all.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), indent=1, sort_keys=True)
    with whole_file(folder / NAME) as part:
        part.write_text(text + "\n", encoding="utf-8")


def look(
    path: Path,
    report: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Seen:
    """Read a file through and return its checksum and size.

    Parameters
    ----------
    path : Path
        The file.
    report : callable, optional
        Told (bytes read, bytes in all).
    cancelled : callable
        Asked between pieces.

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
        while piece := file.read(_PIECE):
            if cancelled():
                raise Cancelled("cancelled")
            digest.update(piece)
            done += len(piece)
            if report is not None:
                report(done, size)
    return Seen(digest.hexdigest(), done)
