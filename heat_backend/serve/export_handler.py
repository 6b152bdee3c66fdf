# SPDX-License-Identifier: GPL-3.0-or-later
"""The export messages of one session: orders, progress, and transfer of the finished files."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PureWindowsPath

from bridge import fields
from bridge.errors import BadInput, HeatError, ProtocolError, UsageError
from bridge.wire import CHUNK, Channel, Header, Kind, Message
from heat_backend.serve.export_queue import FINAL_STATES, ExportOrder, ExportQueue, Job
from heat_backend.serve.job_store import job_folder
from heat_backend.serve.portrait_cache import PortraitCache
from heat_backend.serve.upload_store import UploadStore, safe_name
from heat_backend.storage.own_files import open_regular

PROBE_START = ".heat-probe-"
SHORTEST_TOKEN = 16
EVENT_SECONDS = 0.1
FILES_PER_PAGE = 500


class ExportHandler:
    """The export side of one session.

    A client may have files written only to folders that it has proven to share with the backend
    (see PROBE in PROTOCOL.md), and may read only the files of a job that it can name.
    """

    def __init__(
        self, channel: Channel, cache: PortraitCache, exports: ExportQueue, uploads: UploadStore
    ) -> None:
        self._channel = channel
        self._cache = cache
        self._exports = exports
        self._uploads = uploads
        self._shared_folders: dict[str, tuple[int, int]] = {}  # device and inode, when proven
        self._watched: set[str] = set()
        self._closed = threading.Event()

    def answers(self) -> dict[Kind, Callable[[Message], None]]:
        """Return the handler of each kind of message."""
        return {
            Kind.EXPORT: self._export,
            Kind.JOB_QUERY: self._query,
            Kind.JOB_CANCEL: lambda message: self._job(message).cancel.set(),
            Kind.JOB_FORGET: lambda message: self._exports.forget(self._job(message)),
            Kind.FILE_LIST: self._list_files,
            Kind.FILE_GET: self._send_piece,
            Kind.PROBE: self._probe,
        }

    def close(self) -> None:
        """Stop sending progress; the exports go on."""
        self._closed.set()

    def _job(self, message: Message) -> Job:
        return self._exports.find(fields.text(message.header, "job"))

    def _export(self, message: Message) -> None:
        header = message.header
        target = fields.table(header, "target")
        name = fields.text(target, "name", 1024)
        first = fields.optional_integer(header, "first", 1, 1 << 31)
        last = fields.optional_integer(header, "last", 1, 1 << 31)
        rate = _rate(header)
        resume = fields.flag(header, "resume")
        overwrite = fields.flag(header, "overwrite")
        own_folder = out = None
        if target.get("folder") is not None:
            out = self._shared_place(fields.text(target, "folder", 4096), name)
        # Uploads are taken last: what refuses an order must not leave them behind.
        portrait = self._cache.request(header, self._uploads.finished)
        clip = self._uploads.finished(fields.integer(header, "clip", 1, 1 << 53), "clip.npz")
        if out is None:
            details = (portrait.engine, portrait.settings, portrait.pixels_size, rate, name)
            own_folder = job_folder(portrait.file, clip, first, last, *details)
            out = own_folder / safe_name(name)
        uploads, (file, clip) = self._uploads.hand_over(portrait.file, clip)
        portrait = replace(portrait, file=file)
        order = ExportOrder(
            portrait, clip, first, last, rate, resume, overwrite, out, own_folder, uploads,
            self._uploads.folder.name,
        )  # fmt: skip
        try:
            job = self._exports.add(order)
        except HeatError:
            shutil.rmtree(uploads, ignore_errors=True)
            raise
        self._watch(job)

    def _shared_place(self, folder: str, name: str) -> Path:
        proven = self._shared_folders.get(folder)
        if proven is None or proven != _identity(folder):
            raise UsageError(f"{folder} was not found to be shared with the backend")
        if name in ("", ".", "..") or name != Path(name).name:
            raise UsageError(f"{name[:80]!r} is not a file name")
        return Path(folder) / name

    def _query(self, message: Message) -> None:
        self._watch(self._job(message))

    def _watch(self, job: Job) -> None:
        """Send the job's status now and after each change."""
        with job.changed:
            revision, header = job.revision, job.header()
        self._channel.send(Kind.JOB_STATUS, header)
        if job.name in self._watched or header["state"] in FINAL_STATES:
            return
        self._watched.add(job.name)
        # A thread of its own, so that a client that does not read delays no other.
        threading.Thread(
            target=self._send_changes, args=(job, revision), name="heat-watch", daemon=True
        ).start()

    def _send_changes(self, job: Job, revision: int) -> None:
        try:
            while not self._closed.wait(EVENT_SECONDS):
                with job.changed:
                    if job.revision == revision and not job.changed.wait(timeout=1.0):
                        continue
                    revision, header = job.revision, job.header()
                if self._closed.is_set():
                    return
                self._channel.send(Kind.JOB_STATUS, header)
                if header["state"] in FINAL_STATES:
                    self._watched.discard(job.name)
                    return
        except HeatError:
            self._channel.abort()

    def _list_files(self, message: Message) -> None:
        job = self._job(message)
        start = fields.integer(message.header, "start", 0, 1 << 31)
        digests = fields.flag(message.header, "digests")
        page = job.files[start : start + FILES_PER_PAGE]
        try:
            listed = [_entry(path, digests) for path in page]
        except OSError as error:
            raise BadInput(f"a finished file is gone: {error.strerror}") from error
        self._channel.send(Kind.FILES, {"count": len(job.files), "files": listed})

    def _send_piece(self, message: Message) -> None:
        job = self._job(message)
        name = fields.text(message.header, "name")
        offset = fields.integer(message.header, "offset", 0, 1 << 40)
        size = fields.integer(message.header, "size", 1, CHUNK)
        path = next((file for file in job.files if file.name == name), None)
        if path is None:
            raise BadInput(f"the export has no file {name[:80]!r}")
        try:
            with open_regular(path) as file:
                file.seek(offset)
                piece = file.read(size)
        except OSError as error:
            raise BadInput(f"{name} cannot be read: {error.strerror}") from error
        self._channel.send(Kind.FILE_DATA, {"name": name, "offset": offset}, piece)

    def _probe(self, message: Message) -> None:
        folder = fields.text(message.header, "folder", 4096)
        name = fields.text(message.header, "name", 64)
        token = fields.text(message.header, "token", 64)
        plain = name.startswith(PROBE_START) and name == Path(name).name
        if not plain or len(token) < SHORTEST_TOKEN:
            raise ProtocolError("a probe must be a file of the name and length agreed on")
        if _is_network_path(folder):
            self._channel.send(Kind.PROBED, {"same": False})
            return
        same = hmac.compare_digest(_small_file(Path(folder) / name), token.encode())
        if same:
            self._shared_folders[folder] = _identity(folder)
        self._channel.send(Kind.PROBED, {"same": same})


def _is_network_path(folder: str) -> bool:
    """Whether looking at a path makes Windows log on to another machine, named in it."""
    return PureWindowsPath(folder).drive.startswith("\\\\") and sys.platform == "win32"


def _rate(header: Header) -> Fraction:
    rate = fields.integers(header, "fps", 1, 1 << 31, 2)
    if len(rate) != 2:
        raise ProtocolError("field 'fps': not a numerator and a denominator")
    return Fraction(rate[0], rate[1])


def _entry(path: Path, digest: bool) -> Header:
    with open_regular(path) as file:
        entry: Header = {"name": path.name, "size": os.fstat(file.fileno()).st_size}
        if digest:
            entry["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return entry


def _identity(folder: str) -> tuple[int, int]:
    """Return device and inode of a folder, by which a link in its place is noticed."""
    try:
        status = Path(folder).stat()
    except (OSError, ValueError):
        return (-1, -1)
    return status.st_dev, status.st_ino


def _small_file(path: Path) -> bytes:
    """Return the start of a file; empty where there is none."""
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(path, flags)
    except (OSError, ValueError):
        return b""
    try:
        return os.read(handle, 128)
    except OSError:
        return b""
    finally:
        os.close(handle)
