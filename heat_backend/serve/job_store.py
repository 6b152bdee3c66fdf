# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of exported files for clients that do not share the backend's disk.

The folder of an export is named by what is exported, so that a resumed one finds its own even
after the backend was restarted. It is deleted once the client has fetched everything, or after
``KEEP_DAYS``. Only folders that carry the mark written here are ever deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bridge.errors import MissingHere
from heat_backend.storage import user_folders
from heat_backend.storage.kept_data import KeptData, make_private_folder
from heat_backend.storage.own_files import is_link

KEEP_DAYS = 14.0
FOLDER_VARIABLE = "HEAT_JOBS_DIR"
_MARK = ".heat-job"
_NAME = re.compile(r"[0-9a-f]{32}")


def jobs_folder() -> Path:
    """Return the folder that holds them all."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_folders.cache_folder() / "jobs"


def job_folder(portrait: Path, clip: Path, *details: object) -> Path:
    """Return the folder of an export, made if it is new, for the user alone.

    Parameters
    ----------
    portrait, clip : Path
        The uploads; their content counts, not their names.
    details : object
        All else that makes the export what it is.

    Raises
    ------
    MissingHere
        It cannot be made.
    """
    digest = hashlib.sha256(repr(details).encode())
    for path in (portrait, clip):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    folder = jobs_folder() / digest.hexdigest()[:32]
    try:
        make_private_folder(folder)
        (folder / _MARK).touch(mode=0o600)
        os.utime(folder)
    except OSError as error:
        raise MissingHere(
            f"the backend cannot write to {folder.parent}: {error.strerror}"
        ) from error
    return folder


def note_portrait(folder: Path, digest: str) -> None:
    """Note whose portrait an export shows (``Photo.digest``), so that it can be removed by it."""
    with contextlib.suppress(OSError):
        (folder / _MARK).write_text(digest, encoding="ascii")


def kept_jobs() -> Iterator[KeptData]:
    """List the exports that nobody has fetched."""
    try:
        folders = sorted(jobs_folder().iterdir())
    except OSError:
        return
    for folder in folders:
        if _is_job(folder):
            yield KeptData("an export's files", folder, _portrait(folder))


def _portrait(folder: Path) -> str:
    try:
        return (folder / _MARK).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _is_job(folder: Path) -> bool:
    named = _NAME.fullmatch(folder.name) is not None
    return named and not is_link(folder) and (folder / _MARK).is_file()


def remove_job(folder: Path) -> None:
    """Delete the folder of an export; one that :func:`job_folder` did not make stays."""
    if _is_job(folder):
        shutil.rmtree(folder, ignore_errors=True)


def sweep_old_jobs() -> None:
    """Delete what nobody fetched for two weeks."""
    try:
        folders = list(jobs_folder().iterdir())
    except OSError:
        return
    for folder in folders:
        try:
            age = time.time() - folder.lstat().st_mtime
        except OSError:
            continue
        if age > KEEP_DAYS * 86400.0:
            remove_job(folder)
