# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies files of a weights folder: recorded checksum, published digest, layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bridge.errors import BadInput, MissingHere
from heat_backend.engines import networks
from heat_backend.engines.protocol import CancelCheck
from heat_backend.media.mat_file import read_mat
from heat_backend.styleheat.weights.catalogue import WeightFile, licence_of
from heat_backend.styleheat.weights.folder import (
    HALF,
    THERE,
    FileChecksum,
    Record,
    WeightsFolder,
    checksum_file,
    read_record,
)

Report = Callable[[int, int], None]

_LATENT = 512
_STYLE_ROWS = 18
_MAT = ".mat"
_MOST_BYTES = 2 << 30  # of a MATLAB file: the whole Basel model has 0.3 GB


def files_of(folder: WeightsFolder, file: WeightFile) -> tuple[str, ...]:
    """Return the paths in the folder of all that belongs to a file and is there."""
    if not file.is_archive:
        return (file.place,) if folder.place(file).is_file() else ()
    names = dict.fromkeys(name for needed in file.members for name in needed)
    return tuple(f"{file.place}/{n}" for n in names if (folder.place(file) / n).is_file())


def verify(
    folder: WeightsFolder,
    file: WeightFile,
    record: Record,
    report: Report,
    cancelled: CancelCheck,
) -> dict[str, FileChecksum]:
    """Read a file through and compare it with its record, its publisher's name and its layout.

    Parameters
    ----------
    folder : WeightsFolder
        Where it stands.
    file : WeightFile
        Which one.
    record : Record
        Of the folder.
    report : callable
        Called with (bytes read, bytes in all) of each part.
    cancelled : callable
        Called between chunks.

    Returns
    -------
    dict of FileChecksum
        What to record of it, by path in the folder.

    Raises
    ------
    MissingHere
        It is not there, or only half.
    BadInput
        It has changed, or is not the published file.
    """
    state = folder.state(file)
    if state != THERE:
        lacks = "lacks some of its files" if state == HALF else "is not there"
        raise MissingHere(f"{folder.place(file)} {lacks}: run `heat weights fetch {file.name}`")
    checksums: dict[str, FileChecksum] = {}
    for place in files_of(folder, file):
        checksums[place] = check_file(folder.path / place, file, place, record, report, cancelled)
    return checksums


def check_file(
    path: Path,
    file: WeightFile,
    place: str,
    record: Record,
    report: Report,
    cancelled: CancelCheck,
) -> FileChecksum:
    """Check one file at ``path`` that stands, or is to stand, at ``place`` in the folder.

    Raises
    ------
    BadInput
        As :func:`verify`.
    """
    try:
        checksums = checksum_file(path, report, cancelled)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    name, before = Path(place).name, record.files.get(place)
    if before is not None and before != checksums:
        raise BadInput(
            f"{name} is not the file that was fetched first "
            f"(SHA-256 {checksums.sha256[:12]}… in place of {before.sha256[:12]}…); "
            "if its publisher changed it, fetch with --new-checksum"
        )
    if not checksums.sha256.startswith(file.digest_start):
        raise BadInput(
            f"{name} is not what its publisher names (SHA-256 {checksums.sha256[:12]}…, not "
            f"{file.digest_start}…): `heat weights fetch` replaces it once it is deleted"
        )
    check_layout(path, place)
    return checksums


def check_layout(path: Path, place: str) -> None:
    """Check what is in a file against what should stand at ``place``.

    Files of torch are checked where it is installed; the engine checks them again when it loads.

    Raises
    ------
    BadInput
        It is damaged or of another kind.
    """
    name = Path(place).name
    if place.endswith(_MAT):
        _check_mat(path, name)
    elif place == "ffhq_PCA.npz":
        _check_statistics(path, name)
    elif place.endswith((".pt", ".pth")) and networks.are_here():
        _check_torch(path, place, name)


def _check_torch(path: Path, place: str, name: str) -> None:
    from heat_backend.styleheat.weights import checkpoints

    if checkpoints.sections_of(place):
        checkpoints.check_layout(path, place)
        return
    content = checkpoints.read_torch_file(path, name)
    if place == "ffhq_pca.pt":
        shapes = {key: tuple(getattr(content.get(key), "shape", ())) for key in _PCA_KEYS} if (
            isinstance(content, dict)
        ) else {}  # fmt: skip
        if not all(shapes.values()) or shapes["comp"][-1] != _LATENT:
            raise BadInput(f"{name} holds no latent components (mean, comp, std): fetch it again")
    elif place.startswith("interfacegan_directions/"):
        shape = tuple(getattr(content, "shape", ()))
        if not shape or not _broadcasts(shape, (1, _STYLE_ROWS, _LATENT)):
            raise BadInput(f"{name} holds no direction of 18 x 512 values: fetch it again")


_PCA_KEYS = ("mean", "comp", "std")


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        return False


def _check_statistics(path: Path, name: str) -> None:
    keys = ("X_mean", "X_comp", "X_stdev")
    try:
        with np.load(path, allow_pickle=False) as stored:
            mean, comp, deviation = (stored[key] for key in keys)
    except Exception as error:  # numpy's reader fails in many ways on a damaged file
        raise BadInput(f"{name} is damaged or lacks {', '.join(keys)}: fetch it again") from error
    if mean.size != _LATENT or comp.shape[-1] != _LATENT or deviation.size != comp.shape[0]:
        raise BadInput(f"{name} holds statistics of another model: fetch it again")


def _check_mat(path: Path, name: str) -> None:
    try:
        entries = {key: found.shape for key, found in read_mat(path, _MOST_BYTES, ("lm",)).items()}
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} is damaged or no MATLAB file: fetch it again") from error
    if name == "similarity_Lm3D_all.mat" and entries.get("lm") != (68, 3):
        raise BadInput(f"{name} does not hold 68 points (`lm`): fetch it again")


def states(folder: WeightsFolder, files: tuple[WeightFile, ...]) -> Iterator[dict[str, object]]:
    """Describe files and what of them is here, as plain values; nothing is read through."""
    record = read_record(folder.path)
    for file in files:
        here = files_of(folder, file)
        recorded = bool(here) and all(place in record.files for place in here)
        sizes = [(folder.path / place).stat().st_size for place in here]
        resized = any(
            record.files[place].size != size
            for place, size in zip(here, sizes, strict=True)
            if place in record.files
        )
        yield {
            "name": file.name,
            "path": str(folder.place(file)),
            "what": file.what,
            "use": file.use,
            "licence": file.licence,
            "licence_title": licence_of(file).title,
            "accepted": file.licence in record.licences,
            "state": "changed" if resized else folder.state(file),
            "recorded": recorded,
            "bytes": sum(sizes),
            "address": file.address,
        }
