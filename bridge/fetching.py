# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an export's files go: straight to the disk, or fetched from a backend elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import fields
from .client import Client
from .errors import BadInput, Cancelled, ProtocolError
from .whole_file import whole_file
from .wire import CHUNK, Header, Kind

MAX_FILE = 1 << 40
MAX_FILES = 1 << 24
_PROBE_START = ".heat-probe-"


@dataclass(frozen=True)
class FileEntry:
    """One finished file, as the backend lists it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Target:
    """Where the files of one export go.

    Attributes
    ----------
    path : Path
        The movie or the folder, absolute.
    seen_by_backend : bool
        The backend writes there itself.
    resume, overwrite : bool
        Whether files that are there already may be ours, or may be replaced.
    """

    path: Path
    seen_by_backend: bool
    resume: bool
    overwrite: bool

    @staticmethod
    def find(client: Client, out: Path, resume: bool, overwrite: bool) -> Target:
        """Find out whether the backend sees the folder that is to hold ``out``.

        Raises
        ------
        BadInput
            The folder cannot be made or written to.
        """
        path = Path(os.path.abspath(out))  # noqa: PTH100  (resolve() would follow links)
        seen = _seen(client, path.parent)
        target = Target(path, seen, resume, overwrite)
        if not seen and not (resume or overwrite):
            _refuse_occupied(path)
        return target

    @property
    def is_movie(self) -> bool:
        """Whether one movie is to be written, rather than a folder of frames."""
        return self.path.suffix.lower() == ".mp4"

    def header(self) -> Header:
        """Return the fields of the EXPORT message."""
        folder = str(self.path.parent) if self.seen_by_backend else None
        return {"folder": folder, "name": self.path.name}

    def place(self, name: str) -> Path:
        """Return where a file of the given name belongs; ProtocolError for a wrong name."""
        if not name or name != Path(name).name or "\\" in name or name.startswith("."):
            raise ProtocolError(f"the backend lists a file of the strange name {name!r}")
        return self.path if self.is_movie else self.path / name


def files_in_place(client: Client, job: str, target: Target) -> tuple[Path, ...]:
    """Return the paths of the files that the backend wrote itself."""
    return tuple(target.place(entry.name) for entry in _entries(client, job, digests=False))


def fetch_files(
    client: Client, job: str, target: Target, cancelled: Callable[[], bool]
) -> tuple[Path, ...]:
    """Fetch the finished files of a job; each appears whole or not at all.

    Raises
    ------
    BadInput
        Another file is in the way and may not be replaced, or the disk cannot be written to.
    Cancelled
        ``cancelled()`` became true; files fetched so far stay.
    """
    places = []
    for entry in list(_entries(client, job, digests=True)):
        if cancelled():
            raise Cancelled("cancelled while the files were being fetched; Resume goes on")
        place = target.place(entry.name)
        places.append(place)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists() and _digest(place) == entry.sha256:
                continue
            if place.exists() and not target.overwrite:
                raise BadInput(f"{place} is another file; choose another place or overwrite")
            _fetch(client, job, entry, place)
        except OSError as error:
            raise BadInput(f"cannot write {place}: {error.strerror}") from error
    return tuple(places)


def _entries(client: Client, job: str, digests: bool) -> Iterator[FileEntry]:
    start, count = 0, 1
    while start < count:
        header = {"job": job, "start": start, "digests": digests}
        answer = client.request(Kind.FILE_LIST, header, Kind.FILES).header
        count = fields.integer(answer, "count", 0, MAX_FILES)
        listed = answer.get("files")
        if not isinstance(listed, list) or (count > start and not listed):
            raise ProtocolError("the list of files is incomplete")
        for item in listed:
            row = fields.table({"file": item}, "file")
            yield FileEntry(
                fields.text(row, "name"),
                fields.integer(row, "size", 0, MAX_FILE),
                fields.text(row, "sha256", 64, ""),
            )
        start += len(listed)


def _fetch(client: Client, job: str, entry: FileEntry, place: Path) -> None:
    with whole_file(place) as part:
        with part.open("xb") as file:
            offset = 0
            while offset < entry.size:
                asked = min(CHUNK, entry.size - offset)
                header = {"job": job, "name": entry.name, "offset": offset, "size": asked}
                piece = client.request(Kind.FILE_GET, header, Kind.FILE_DATA).payload
                if piece.nbytes != asked:
                    raise ProtocolError(f"{entry.name} came with a piece of a wrong size")
                offset += file.write(piece)
        if _digest(part) != entry.sha256:
            raise ProtocolError(f"{entry.name} arrived damaged; Resume fetches it again")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seen(client: Client, folder: Path) -> bool:
    """Leave a small file for the backend to find; it is gone again afterwards."""
    name, token = _PROBE_START + secrets.token_hex(8), secrets.token_hex(16)
    probe = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with probe.open("x") as file:
            file.write(token)
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}") from error
    try:
        header = {"folder": str(folder), "name": name, "token": token}
        answer = client.request(Kind.PROBE, header, Kind.PROBED).header
        return fields.flag(answer, "same")
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def _refuse_occupied(path: Path) -> None:
    taken = any(path.glob("frame_*.png")) if path.is_dir() else path.exists()
    if taken:
        raise BadInput(f"{path} holds an earlier export; choose another place, or overwrite it")
