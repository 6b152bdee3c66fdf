# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches published files into a weights folder: accepted, downloaded, checked, then put there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import BadInput, HeatError
from heat_backend.styleheat.weights import record, unpack, verify
from heat_backend.styleheat.weights.catalogue import WeightFile
from heat_backend.styleheat.weights.download import discard, download
from heat_backend.styleheat.weights.folder import THERE, WeightsFolder
from heat_backend.styleheat.weights.folder_lock import alone_in
from heat_backend.styleheat.weights.record import Record, Seen

Report = Callable[[str, int, int], None]
CancelCheck = Callable[[], bool]


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
        known = record.read(self.folder.path)
        return tuple(
            file
            for file in self.files
            if self.folder.state(file) != THERE or _resized(self.folder, file, known)
        )

    def address(self, file: WeightFile) -> str:
        """Return where a file is fetched from."""
        name = file.address.rpartition("/")[2]
        return f"{self.mirror.rstrip('/')}/{name}" if self.mirror else file.address


def unaccepted(plan: FetchPlan) -> tuple[str, ...]:
    """Return the names of the licences that must be accepted first."""
    accepted = record.read(plan.folder.path).licences
    return tuple(sorted({f.licence for f in plan.missing()} - set(accepted)))


def accept(folder: WeightsFolder, licence: str) -> None:
    """Remember that the user accepts a licence.

    Raises
    ------
    BadInput
        The folder cannot be written to.
    """
    try:
        record.write(folder.path, record.read(folder.path).with_licence(licence))
    except OSError as error:
        raise _unwritable(folder.path, error) from error


def fetch(plan: FetchPlan, report: Report, cancelled: CancelCheck) -> tuple[str, ...]:
    """Fetch what is missing; each file appears whole, checked, or not at all.

    Parameters
    ----------
    plan : FetchPlan
        What; its licences are accepted.
    report : callable
        Told (what is being done, bytes, bytes in all or -1).
    cancelled : callable
        Asked between pieces.

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
    known = Record(licences=record.read(folder.path).licences) if plan.new_checksum else (
        record.read(folder.path)
    )  # fmt: skip

    def check(path: Path, at: str) -> Seen:
        told = f"checking {file.name}"
        return verify.look_at(path, file, at, known, lambda a, b: report(told, a, b), cancelled)

    try:
        if file.is_archive:
            seen = _unpacked(part, file, place, check)
        else:
            seen = {file.place: check(part, file.place)}
            part.replace(place)
    except BadInput as error:
        discard(landing)
        raise BadInput(f"what {plan.address(file)} gave was thrown away: {error}") from error
    except OSError as error:
        raise _unwritable(place.parent, error) from error
    _remember(folder, seen)
    discard(landing)


def _unpacked(
    archive: Path, file: WeightFile, place: Path, check: Callable[[Path, str], Seen]
) -> dict[str, Seen]:
    """Unpack beside the place, check, and move the files in one by one."""
    waiting = place.with_name(f".{place.name}.unpacked")
    shutil.rmtree(waiting, ignore_errors=True)
    try:
        paths = unpack.unpack(archive, waiting, file.name)
        inside = WeightsFolder(waiting.parent)
        if not any(all((waiting / n).is_file() for n in needed) for needed in file.members):
            lacks = [n for n in file.members[0] if not (waiting / n).is_file()]
            raise BadInput(f"the archive of {file.name} lacks {', '.join(lacks)}")
        names = {name for needed in file.members for name in needed}
        seen: dict[str, Seen] = {}
        for path in paths:
            name = path.relative_to(waiting).as_posix()
            if name in names:
                seen[f"{file.place}/{name}"] = check(path, f"{file.place}/{name}")
        for path in paths:
            target = place / path.relative_to(inside.path / waiting.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return seen


def _remember(folder: WeightsFolder, seen: dict[str, Seen]) -> None:
    known = record.read(folder.path)
    for place, found in seen.items():
        known = known.with_file(place, found)
    try:
        record.write(folder.path, known)
    except OSError as error:
        raise _unwritable(folder.path, error) from error


def _resized(folder: WeightsFolder, file: WeightFile, known: Record) -> bool:
    return any(
        place in known.files and (folder.path / place).stat().st_size != known.files[place].size
        for place in verify.files_of(folder, file)
    )


def _unwritable(folder: Path, error: OSError) -> HeatError:
    reason = error.strerror or str(error)
    return BadInput(f"cannot write to {folder}: {reason}; name another folder (HEAT_WEIGHTS)")
