# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploaded bytes of one session, kept in files rather than in memory until they are used."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bridge import fields
from bridge.errors import BadInput, MissingHere, ProtocolError
from bridge.wire import MAX_BLOB, Message
from heat_backend.storage.locks import claim
from heat_backend.storage.own_files import is_link

FOLDER_START = "heat-uploads-"
_LOCK = "lock"
MAX_BLOBS = 8
_FORBIDDEN = set('/\\:*?"<>|')


@dataclass
class _Blob:
    path: Path
    size: int
    received: int = 0


class UploadFolder:
    """The folder of one backend in which its sessions keep their uploads.

    It is the user's alone, and locked while the backend lives: what a killed one left behind is
    known by its free lock.
    """

    def __init__(self) -> None:
        self._path = Path(tempfile.mkdtemp(prefix=FOLDER_START))
        self._lock = claim(self._path / _LOCK, f"{self._path} is in use")

    def make(self) -> Path:
        """Make a folder of its own for a session or a job."""
        return Path(tempfile.mkdtemp(dir=self._path))

    def close(self) -> None:
        """Delete everything."""
        self._lock.release()
        shutil.rmtree(self._path, ignore_errors=True)


class UploadStore:
    """The uploads of one session; its folder goes with ``close``."""

    def __init__(self, within: UploadFolder) -> None:
        self._within = within
        self.folder = within.make()
        self._blobs: dict[int, _Blob] = {}

    def take_in(self, message: Message) -> None:
        """Store one piece of an upload.

        Raises
        ------
        ProtocolError
            Too large, too many, or not in order.
        MissingHere
            The disk is full.
        """
        header = message.header
        number = fields.integer(header, "blob", 1, 1 << 53)
        size = fields.integer(header, "size", 0, MAX_BLOB)
        offset = fields.integer(header, "offset", 0, MAX_BLOB)
        blob = self._blobs.get(number)
        if blob is None:
            blob = self._begin(number, size)
        piece = message.payload
        if size != blob.size or offset != blob.received or offset + piece.nbytes > size:
            raise ProtocolError(f"a piece of upload {number} is out of place")
        try:
            with blob.path.open("ab") as file:
                file.write(piece)
        except OSError as error:
            raise MissingHere(f"no room for the upload: {error.strerror}") from error
        blob.received += piece.nbytes

    def _begin(self, number: int, size: int) -> _Blob:
        if len(self._blobs) >= MAX_BLOBS:
            raise ProtocolError(f"more than {MAX_BLOBS} unused uploads")
        if sum(blob.size for blob in self._blobs.values()) + size > 2 * MAX_BLOB:
            raise ProtocolError("the unused uploads together are too large")
        folder = self.folder / str(number)
        folder.mkdir()
        blob = _Blob(folder / "blob", size)
        self._blobs[number] = blob
        return blob

    def finished(self, number: int, name: str) -> Path:
        """Return the file of a whole upload, named as the user knows it; it is forgotten here."""
        blob = self._blobs.get(number)
        if blob is None or blob.received != blob.size:
            raise ProtocolError(f"upload {number} is not there, or not whole")
        del self._blobs[number]
        path = blob.path.with_name(safe_name(name))
        blob.path.touch()
        return blob.path.rename(path)

    def discard(self, path: Path) -> None:
        """Delete the file that ``finished`` returned."""
        shutil.rmtree(path.parent, ignore_errors=True)

    def hand_over(self, *paths: Path) -> tuple[Path, list[Path]]:
        """Move files that ``finished`` returned to a folder that outlives the session.

        Returns
        -------
        Path, list of Path
            The folder, which is the caller's to delete, and the files in it, names unchanged.
        """
        folder = self._within.make()
        return folder, [
            Path(shutil.move(path.parent, folder / str(i))) / path.name
            for i, path in enumerate(paths)
        ]

    def close(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def safe_name(name: str) -> str:
    """Return ``name`` as a plain file name that every system takes, letters of any script kept."""
    kept = "".join(c if c.isprintable() and c not in _FORBIDDEN else "_" for c in name)
    kept = kept.encode("utf-8", "replace")[-150:].decode("utf-8", "ignore").strip(" .")
    return kept or "unnamed"


def sweep_stale_uploads() -> None:
    """Delete the upload folders of backends that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_START}*"):
        lock = folder / _LOCK
        if is_link(folder) or is_link(lock) or not lock.is_file():
            continue
        try:
            claim(lock, "in use").release()
        except (BadInput, OSError):
            continue
        shutil.rmtree(folder, ignore_errors=True)
