# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the Basel Face Model (2009) from the folder that comes with the published checkpoints.

Either ``BFM_model_front.mat``, the cropped model as Deep3DFaceRecon writes it, or the files that
it is made from (``01_MorphableModel.mat``, ``Exp_Pca.bin`` ...), from which the same is cut here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, MissingHere
from heat_backend.media.mat_file import read_mat

FRONT = "BFM_model_front.mat"
PARTS = (
    "01_MorphableModel.mat",
    "Exp_Pca.bin",
    "std_exp.txt",
    "BFM_front_idx.mat",
    "BFM_exp_idx.mat",
    "facemodel_info.mat",
)
STANDARD_HEAD = "similarity_Lm3D_all.mat"
EXPRESSIONS = 64
FEWEST_VERTICES = 1000  # fewer cannot hold a face's expressions
SCAN_VERTICES = 53490  # of the whole Basel model
EXPRESSION_VERTICES = 53215  # of the expression basis, which lacks some of them
MOST_BYTES = 2 << 30  # of one file unpacked: the whole Basel model takes 0.6 GB
MICROMETRES = 1e5  # in a decimetre


@dataclass(frozen=True)
class BaselModel:
    """The cropped model; decimetres, x right, y up, z toward the viewer, origin at its mean.

    Attributes
    ----------
    mean : ndarray, shape (N, 3), float64
    expression : ndarray, shape (N, 3, 64), float32
        Offsets at coefficient 1; coefficients are distributed about as N(0, 1).
    triangles : ndarray, shape (F, 3), int64
        From 0.
    keypoints : ndarray, shape (68,), int64
        Vertices of the 68 landmarks, from 0.
    key : str
        Identity of the files' contents.
    """

    mean: NDArray[np.float64]
    expression: NDArray[np.float32]
    triangles: NDArray[np.int64]
    keypoints: NDArray[np.int64]
    key: str


def model_files(folder: Path) -> tuple[Path, ...]:
    """Which files of ``folder`` hold the model: the one cropped file, or those it is made from.

    Raises
    ------
    MissingHere
        When they are not all there.
    """
    if (folder / FRONT).is_file():
        return (folder / FRONT,)
    missing = [name for name in PARTS if not (folder / name).is_file()]
    if not missing:
        return tuple(folder / name for name in PARTS)
    lacks = f"it lacks {', '.join(missing)}" if len(missing) < len(PARTS) else "it is not there"
    raise MissingHere(
        f"no Basel Face Model in {folder} ({lacks}): run `heat weights fetch`, or put {FRONT} there"
    )


def files_key(files: tuple[Path, ...]) -> str:
    """Fingerprint of the files' contents."""
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise BadInput(f"{path.name} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()[:32]


def read_basel(folder: Path) -> BaselModel:
    """Read the model of a folder.

    Raises
    ------
    MissingHere
        When the folder does not hold it.
    BadInput
        A damaged file, or one of other dimensions.
    """
    files = model_files(folder)
    key = files_key(files)
    if len(files) == 1:
        return _checked(_arrays(files[0], ("meanshape", "exBase", "tri", "keypoints")), FRONT, key)
    return _checked(_cut_front(folder), "the Basel Face Model", key)


def read_standard_head(folder: Path) -> NDArray[np.float64]:
    """Read the 68 landmarks (68, 3) of the standard head, decimetres, to which faces are cropped.

    Raises
    ------
    MissingHere
        When the folder does not hold them.
    BadInput
        When they are something else.
    """
    path = folder / STANDARD_HEAD
    if not path.is_file():
        raise MissingHere(f"{path} is not there: run `heat weights fetch`")
    marks = _arrays(path, ("lm",))["lm"]
    if marks.shape != (68, 3) or marks.dtype.kind not in "fiu" or not np.isfinite(marks).all():
        raise BadInput(f"{STANDARD_HEAD}: lm is no table of 68 points; fetch it again")
    return marks.astype(np.float64)


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray]:
    """Read the named arrays of a MATLAB file."""
    try:
        found = read_mat(path, MOST_BYTES, names)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path.name} cannot be read as a MATLAB file ({type(error).__name__}): "
            "it is damaged or of another kind; fetch it again"
        ) from error
    lacking = [name for name in names if name not in found]
    if lacking:
        raise BadInput(f"{path.name} has no {' and no '.join(lacking)}: it is another model's file")
    return {name: found[name] for name in names}


def _checked(arrays: Mapping[str, NDArray], name: str, key: str) -> BaselModel:
    """Bring the arrays into shape, or say which one has other dimensions."""
    mean, basis = arrays["meanshape"], arrays["exBase"]
    count = mean.size // 3

    def refuse(field: str, array: NDArray, wanted: str) -> BadInput:
        return BadInput(f"{name}: {field} is {array.shape}, not {wanted}: another model's file")

    if mean.size != 3 * count or count < FEWEST_VERTICES:
        raise refuse("meanshape", mean, "(1, 3 x vertices)")
    if basis.shape != (3 * count, EXPRESSIONS):
        raise refuse("exBase", basis, f"({3 * count}, {EXPRESSIONS})")
    if arrays["keypoints"].size != 68:
        raise refuse("keypoints", arrays["keypoints"], "(1, 68)")
    if arrays["tri"].ndim != 2 or arrays["tri"].shape[1] != 3:
        raise refuse("tri", arrays["tri"], "(triangles, 3)")
    for field, array in arrays.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise BadInput(f"{name}: {field} holds values that are no numbers; fetch it again")
    triangles = arrays["tri"].astype(np.int64) - 1
    keypoints = arrays["keypoints"].astype(np.int64).ravel() - 1
    for field, index in (("tri", triangles), ("keypoints", keypoints)):
        if index.min() < 0 or index.max() >= count:
            raise BadInput(f"{name}: {field} names vertices beyond the {count} that there are")
    points = mean.reshape(-1, 3).astype(np.float64)
    return BaselModel(
        points - points.mean(axis=0),
        np.ascontiguousarray(basis, np.float32).reshape(count, 3, EXPRESSIONS),
        triangles,
        keypoints,
        key,
    )


def _cut_front(folder: Path) -> dict[str, NDArray]:
    """Cut the cropped model out of the original files, as Deep3DFaceRecon does.

    The expression basis knows 53215 of the scan model's 53490 vertices: ``trimIndex`` says which.
    ``idx`` names those of the 53215 that the cropped model keeps.
    """
    scan = _arrays(folder / PARTS[0], ("shapeMU",))["shapeMU"].ravel()
    if scan.size != 3 * SCAN_VERTICES:
        raise BadInput(f"{PARTS[0]}: shapeMU has {scan.size} values, not {3 * SCAN_VERTICES}")
    basis = _expression_basis(folder / "Exp_Pca.bin", folder / "std_exp.txt")
    kept = _arrays(folder / "BFM_front_idx.mat", ("idx",))["idx"].astype(np.int64).ravel() - 1
    trim = _arrays(folder / "BFM_exp_idx.mat", ("trimIndex",))["trimIndex"]
    place = trim.astype(np.int64).ravel() - 1
    if len(place) != EXPRESSION_VERTICES or place.min() < 0 or place.max() >= SCAN_VERTICES:
        raise BadInput("BFM_exp_idx.mat: trimIndex does not name the basis' vertices; fetch again")
    if kept.size == 0 or kept.min() < 0 or kept.max() >= EXPRESSION_VERTICES:
        raise BadInput("BFM_front_idx.mat: idx names vertices that are not there; fetch it again")
    info = _arrays(folder / "facemodel_info.mat", ("tri", "keypoints"))
    return {
        "meanshape": scan.reshape(-1, 3)[place[kept]].reshape(1, -1) / MICROMETRES,
        "exBase": basis[kept].reshape(-1, EXPRESSIONS),
        **info,
    }


def _expression_basis(path: Path, deviations: Path) -> NDArray[np.float32]:
    """Read the expression basis (53215, 3, 64) in decimetres per standard deviation.

    The file: the number of components (int32), the mean, then each component (float32).
    """
    try:
        sigma = np.loadtxt(deviations, dtype=np.float32).ravel()
        raw = np.fromfile(path, np.float32)
        count = int(np.fromfile(path, np.int32, count=1)[0])
    except (OSError, ValueError, IndexError) as error:
        raise BadInput(f"{path.name} or {deviations.name} cannot be read: fetch them again") from (
            error
        )
    values = 3 * EXPRESSION_VERTICES
    if not EXPRESSIONS <= count <= len(sigma) or raw.size != 1 + (1 + count) * values:
        raise BadInput(
            f"{path.name} has {raw.size} values for {count} components of {EXPRESSION_VERTICES} "
            "vertices: it is damaged or another model's file"
        )
    components = raw[1 + values :].reshape(count, values)[:EXPRESSIONS]
    scaled = components * (sigma[:EXPRESSIONS, None] / np.float32(MICROMETRES))
    return np.ascontiguousarray(scaled.T).reshape(EXPRESSION_VERTICES, 3, EXPRESSIONS)
