# SPDX-License-Identifier: GPL-3.0-or-later
"""Our 52 expression weights as a linear map to the Basel model's 64 coefficients."""

from __future__ import annotations

import contextlib
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from bridge import face_model
from bridge.coefficients import EXPRESSION_NAMES
from bridge.errors import BadInput
from bridge.face_model import FaceModel
from bridge.whole_file import whole_file
from heat_backend.styleheat.bfm.basel import (
    EXPRESSIONS,
    BaselModel,
    files_key,
    model_files,
    read_basel,
)
from heat_backend.styleheat.bfm.registration import Registration, register

MAP_VERSION = 2
# Coefficients are distributed about as N(0, 1); beyond this the basis was never seen.
USUAL_RANGE = 3.0
RIDGE = 1e-5  # against the mean energy of a component: enough to hold those that hardly move
LEAST_COVERED = 0.2  # of their vertices must have a counterpart, or it is no face
ROBUST_ROUNDS = 3
OUTLIER = 3.0  # robust standard deviations


@dataclass(frozen=True)
class ExpressionMap:
    """``coefficients (64,) = matrix (64, 52) @ expression (52,)``.

    Attributes
    ----------
    matrix : ndarray, shape (64, 52), float32
    residual : ndarray, shape (52,), float32
        Share of each shape's motion that the basis leaves out, 0..1.
    residual_mm : ndarray, shape (52,), float32
        The same as the root mean square over the face, millimetres.
    pivot : ndarray, shape (3,), float32
        Where our head turns, in the Basel model's frame, decimetres.
    unit : float
        Our unit, the outer-eye distance, in decimetres.
    """

    matrix: NDArray[np.float32]
    residual: NDArray[np.float32]
    residual_mm: NDArray[np.float32]
    pivot: NDArray[np.float32]
    unit: float

    def __call__(self, expression: NDArray[np.floating]) -> NDArray[np.float32]:
        """Map (..., 52) weights to (..., 64) coefficients."""
        mapped: NDArray[np.float32] = np.asarray(expression, np.float32) @ self.matrix.T
        return mapped

    def report(self) -> list[tuple[str, float, float]]:
        """Name, residual share and residual in millimetres of each shape, worst first."""
        order = np.argsort(-self.residual)
        return [
            (EXPRESSION_NAMES[i], float(self.residual[i]), float(self.residual_mm[i]))
            for i in order
        ]


def fit_expression_map(model: FaceModel, basel: BaselModel) -> ExpressionMap:
    """Register our face to theirs and express our shapes in their basis.

    Raises
    ------
    BadInput
        When the file's face cannot be brought onto ours.
    """
    registered = register(model, basel.mean, basel.triangles, basel.keypoints)
    if registered.valid.mean() < LEAST_COVERED:
        raise BadInput(
            f"the Basel Face Model's face does not fit Heat's: only {registered.valid.mean():.0%} "
            "of its surface was found again; the file is damaged or another model's"
        )
    kept = np.flatnonzero(registered.valid)
    wanted = _our_offsets(model, registered, kept)
    basis = basel.expression[kept].astype(np.float64)
    matrix = _solve(basis, wanted)
    missing = np.einsum("ndk,ke->nde", basis, matrix) - wanted
    energy = (wanted**2).sum(axis=(0, 1))
    left = (missing**2).sum(axis=(0, 1))
    share = np.sqrt(left / np.maximum(energy, 1e-30))
    rms_mm = 100.0 * np.sqrt(left / len(kept))
    to_ours = registered.to_ours
    pivot = to_ours.offsets_back(-to_ours.shift)
    return ExpressionMap(
        matrix=matrix.astype(np.float32),
        residual=share.astype(np.float32),
        residual_mm=rms_mm.astype(np.float32),
        pivot=pivot.astype(np.float32),
        unit=1.0 / to_ours.scale,
    )


def _our_offsets(
    model: FaceModel, registered: Registration, kept: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Our shapes at their vertices, in their frame and unit: (n, 3, 52)."""
    corners = registered.triangles[registered.points.triangle[kept]]
    weights = registered.points.weights[kept]
    offsets = [
        registered.to_ours.offsets_back(np.einsum("nk,nkd->nd", weights, field[corners]))
        for field in model.expression.astype(np.float64)
    ]
    return np.stack(offsets, axis=-1)


def _solve(basis: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge solution (64, 52) within the usual range, robust to wrongly paired vertices."""
    weights = np.ones(len(basis))
    for _ in range(ROBUST_ROUNDS):
        matrix = _ridge(basis, wanted, weights)
        missing = np.einsum("ndk,ke->nde", basis, matrix) - wanted
        # Lips or lids paired with the other one are off in every shape that parts them.
        off = np.sqrt((missing**2).sum(axis=(1, 2)))
        scale = 1.4826 * float(np.median(off)) + 1e-12
        weights = np.minimum(1.0, (OUTLIER * scale / np.maximum(off, 1e-12)) ** 2)
    return matrix


def _ridge(
    basis: NDArray[np.float64], wanted: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows = (basis * np.sqrt(weights)[:, None, None]).reshape(-1, EXPRESSIONS)
    right = (wanted * np.sqrt(weights)[:, None, None]).reshape(-1, wanted.shape[-1])
    gram = rows.T @ rows
    gram += RIDGE * np.trace(gram) / EXPRESSIONS * np.eye(EXPRESSIONS)
    free = np.asarray(np.linalg.solve(gram, rows.T @ right), np.float64)
    beyond = np.flatnonzero((np.abs(free) > USUAL_RANGE).any(axis=0))
    if len(beyond):
        # |L'x - L^-1 b| has the same minimum as the whole system, in 64 rows.
        lower = np.linalg.cholesky(gram)
        short = np.linalg.solve(lower, rows.T @ right[:, beyond])
        for column, values in zip(beyond, short.T, strict=True):
            free[:, column] = lsq_linear(lower.T, values, (-USUAL_RANGE, USUAL_RANGE)).x
    return free


def cached_expression_map(folder: Path, cache: Path) -> ExpressionMap:
    """Return the map for the Basel model of ``folder``, fitted once and then read from ``cache``.

    Parameters
    ----------
    folder : Path
        Holds the Basel Face Model.
    cache : Path
        Folder of Heat's own; made when missing. An unwritable one only costs time.

    Raises
    ------
    MissingHere, BadInput
        As :func:`heat_backend.styleheat.bfm.basel.read_basel` has it.
    """
    key = files_key(model_files(folder))
    place = cache / f"expression-map-{key}-{face_model.VERSION}.{MAP_VERSION}.npz"
    found = _read(place)
    if found is not None:
        return found
    made = fit_expression_map(face_model.load(), read_basel(folder))
    _write(place, made)
    return made


def _read(place: Path) -> ExpressionMap | None:
    """Read a cached map; None when there is none that can be used."""
    try:
        with np.load(place, allow_pickle=False) as data:
            found = ExpressionMap(
                matrix=data["matrix"],
                residual=data["residual"],
                residual_mm=data["residual_mm"],
                pivot=data["pivot"],
                unit=float(data["unit"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = found.matrix.shape == (EXPRESSIONS, len(EXPRESSION_NAMES))
    return found if whole and np.isfinite(found.matrix).all() else None


def _write(place: Path, made: ExpressionMap) -> None:
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(place) as part, part.open("wb") as file:
            np.savez(file, **asdict(made))
