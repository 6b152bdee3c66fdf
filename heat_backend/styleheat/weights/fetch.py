# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches published files into a weights folder: licence accepted, downloaded, verified, moved in.

Archives are unpacked beside their place first; no name in one may lead outside.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bridge.errors import BadInput, HeatError, MissingHere
from bridge.whole_file import whole_file
from heat_backend.engines.protocol import CancelCheck
from heat_backend.storage.locks import claim
from heat_backend.styleheat.weights.catalogue import WeightFile
from heat_backend.styleheat.weights.download import discard, download
from heat_backend.styleheat.weights.folder import (
    THERE,
    FileChecksum,
    Record,
    WeightsFolder,
    read_record,
    write_record,
)
from heat_backend.styleheat.weights.verify import check_file, files_of

LOCK_NAME = ".heat_fetch.lock"

_RESERVE = 200_000_000  # bytes that stay free on the disk
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


Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FetchPlan:
    """What to fetch, and how.

    Attributes
    ----------
    folder : WeightsFolder
        Where to.
    files : tuple of WeightFile
        Those that are there already are left alone.
    mirror : str
        Address of a folder to take all files from instead, "" for their own places.
    new_checksum : bool
        Take a file whose checksum is another than recorded.
    """

    folder: WeightsFolder
    files: tuple[WeightFile, ...]
    mirror: str = ""
    new_checksum: bool = False

    def missing(self) -> tuple[WeightFile, ...]:
        """Return those that are not there, or not as long as they were."""
        record = read_record(self.folder.path)
        return tuple(
            file
            for file in self.files
            if self.folder.state(file) != THERE or _resized(self.folder, file, record)
        )

    def address(self, file: WeightFile) -> str:
        """Return where a file is fetched from."""
        name = file.address.rpartition("/")[2]
        return f"{self.mirror.rstrip('/')}/{name}" if self.mirror else file.address


def unaccepted(plan: FetchPlan) -> tuple[str, ...]:
    """Return the names of the licences that must be accepted first."""
    accepted = read_record(plan.folder.path).licences
    return tuple(sorted({f.licence for f in plan.missing()} - set(accepted)))


def accept(folder: WeightsFolder, licence: str) -> None:
    """Remember that the user accepts a licence.

    Raises
    ------
    BadInput
        The folder cannot be written to.
    """
    try:
        write_record(folder.path, read_record(folder.path).with_licence(licence))
    except OSError as error:
        raise _unwritable(folder.path, error) from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for the time of the block.

    Raises
    ------
    BadInput
        Another fetch holds it, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = claim(
            folder / LOCK_NAME, f"another fetch is at work in {folder}: wait until it is done"
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot write to {folder}: {reason}; name another folder") from error
    try:
        yield
    finally:
        lock.release()


def fetch(plan: FetchPlan, report: Report, cancelled: CancelCheck) -> tuple[str, ...]:
    """Fetch what is missing; each file appears whole, checked, or not at all.

    Parameters
    ----------
    plan : FetchPlan
        What; its licences are accepted.
    report : callable
        Called with (step, bytes, bytes in all or -1).
    cancelled : callable
        Called between chunks.

    Returns
    -------
    tuple of str
        Names of the files that were fetched.

    Raises
    ------
    HeatError
        The first that could not be fetched; those before it are there.
    """
    with alone_in(plan.folder.path):
        missing = plan.missing()
        for file in missing:
            _fetch_one(plan, file, report, cancelled)
    return tuple(file.name for file in missing)


def _fetch_one(plan: FetchPlan, file: WeightFile, report: Report, cancelled: CancelCheck) -> None:
    folder, place = plan.folder, plan.folder.place(file)
    landing = place.with_name(place.name + ".zip") if file.is_archive else place
    part = download(
        plan.address(file),
        landing,
        lambda done, size: report(f"fetching {file.name}", done, size),
        cancelled,
    )
    record = Record(licences=read_record(folder.path).licences) if plan.new_checksum else (
        read_record(folder.path)
    )  # fmt: skip

    def check(path: Path, at: str) -> FileChecksum:
        text = f"checking {file.name}"
        return check_file(path, file, at, record, lambda a, b: report(text, a, b), cancelled)

    try:
        if file.is_archive:
            checksums = _unpacked(part, file, place, check)
        else:
            checksums = {file.place: check(part, file.place)}
            part.replace(place)
    except BadInput as error:
        discard(landing)
        raise BadInput(f"what {plan.address(file)} gave was thrown away: {error}") from error
    except OSError as error:
        raise _unwritable(place.parent, error) from error
    _record_checksums(folder, checksums)
    discard(landing)


def _unpacked(
    archive: Path, file: WeightFile, place: Path, check: Callable[[Path, str], FileChecksum]
) -> dict[str, FileChecksum]:
    """Unpack beside the place, check, and move the files in one by one."""
    staging = place.with_name(f".{place.name}.unpacked")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        paths = unpack(archive, staging, file.name)
        inside = WeightsFolder(staging.parent)
        if not any(all((staging / n).is_file() for n in needed) for needed in file.members):
            missing_names = [n for n in file.members[0] if not (staging / n).is_file()]
            raise BadInput(f"the archive of {file.name} lacks {', '.join(missing_names)}")
        names = {name for needed in file.members for name in needed}
        checksums: dict[str, FileChecksum] = {}
        for path in paths:
            name = path.relative_to(staging).as_posix()
            if name in names:
                checksums[f"{file.place}/{name}"] = check(path, f"{file.place}/{name}")
        for path in paths:
            target = place / path.relative_to(inside.path / staging.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return checksums


def _record_checksums(folder: WeightsFolder, checksums: dict[str, FileChecksum]) -> None:
    record = read_record(folder.path)
    for place, found in checksums.items():
        record = record.with_file(place, found)
    try:
        write_record(folder.path, record)
    except OSError as error:
        raise _unwritable(folder.path, error) from error


def _resized(folder: WeightsFolder, file: WeightFile, record: Record) -> bool:
    return any(
        place in record.files and (folder.path / place).stat().st_size != record.files[place].size
        for place in files_of(folder, file)
    )


def _unwritable(folder: Path, error: OSError) -> HeatError:
    reason = error.strerror or str(error)
    return BadInput(f"cannot write to {folder}: {reason}; name another folder (HEAT_WEIGHTS)")
