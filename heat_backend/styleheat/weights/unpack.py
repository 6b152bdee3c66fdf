# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacks a downloaded archive: each file appears whole, and none outside its folder."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bridge.errors import BadInput, MissingHere
from bridge.whole_file import whole_file

_RESERVE = 200_000_000
_JUNK = {"__MACOSX", ".DS_Store"}


def unpack(archive: Path, folder: Path, name: str) -> tuple[Path, ...]:
    """Unpack a zip file; a folder that holds all of it is left out.

    Parameters
    ----------
    archive : Path
        The zip file.
    folder : Path
        What it holds goes here; it is made.
    name : str
        What to call the archive in messages.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    BadInput
        It is damaged, not a zip file, or a name in it leads outside.
    MissingHere
        The disk is too full.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            places = _places(opened, name)
            _check_room(opened, folder, name)
            return tuple(
                _write(opened, info, folder / relative) for info, relative in places.items()
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BadInput(f"{name} is not a whole zip file: fetch it again") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot unpack {name} into {folder}: {reason}") from error


def _places(opened: zipfile.ZipFile, name: str) -> dict[zipfile.ZipInfo, PurePosixPath]:
    """Where each file of an archive goes, below the one folder that holds all."""
    found: dict[zipfile.ZipInfo, PurePosixPath] = {}
    for info in opened.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or set(path.parts) & _JUNK:
            continue
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise BadInput(f"{name} holds a file that leads outside ({info.filename}): not opened")
        found[info] = path
    tops = {path.parts[0] for path in found.values()}
    if len(tops) == 1 and all(len(path.parts) > 1 for path in found.values()):
        found = {info: PurePosixPath(*path.parts[1:]) for info, path in found.items()}
    return found


def _check_room(opened: zipfile.ZipFile, folder: Path, name: str) -> None:
    needed = sum(info.file_size for info in opened.infolist()) + _RESERVE
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise MissingHere(
            f"{name} needs {needed / 1e9:.1f} GB on the disk of {folder}, where {free / 1e9:.1f} "
            "GB are free: make room, then fetch again"
        )


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(place) as part, opened.open(info) as packed, part.open("xb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return place
