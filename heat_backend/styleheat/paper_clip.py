# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads motions in the paper's own 73 values, as the authors' extraction writes them.

``.npy`` holds (T, 73). ``.mat`` holds the reconstruction network's ``coeff`` (T, 257) with
``transform_params`` (T, 5) of the crops, or the assembled ``coeff_3dmm`` (T, 73).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput
from heat_backend.styleheat import paper_vector

SUFFIXES = (".npy", ".mat")
_TRANSFORM_NAMES = ("transform_params", "trans_params")
_MOST_FRAMES = 10_000_000


def load_paper_clip(path: Path) -> NDArray[np.float32]:
    """Read a 73-vector clip.

    Returns
    -------
    ndarray, shape (T, 73), float32

    Raises
    ------
    BadInput
        The file cannot be read, holds something else, or a NaN; the line names the field.
    """
    try:
        if path.suffix.lower() == ".npy":
            vectors = np.load(path, allow_pickle=False)
        elif path.suffix.lower() == ".mat":
            vectors = _from_mat(path)
        else:
            raise BadInput(f"{path.name}: motions in the paper's values end in .npy or .mat")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except BadInput:
        raise
    except Exception as error:  # scipy's and numpy's readers fail in many ways on damaged files
        text = " ".join(str(error).split())[:160]
        raise BadInput(f"{path.name} cannot be read: {text}; write it anew") from error
    return _checked(path, vectors)


def for_portrait(
    clip: NDArray[np.float32],
    own: NDArray,
    *,
    expression_only: bool = False,
    match_crop: bool = False,
) -> NDArray[np.float32]:
    """Fit someone else's motion to a portrait, as the published procedures do.

    Parameters
    ----------
    clip : ndarray, shape (T, 73)
        The motion; it is not changed.
    own : ndarray, shape (73,)
        The portrait's own vector.
    expression_only : bool
        Keep the portrait's own head pose and crop.
    match_crop : bool
        Scale the crop so that the head is shown as large as the portrait's.

    Returns
    -------
    ndarray, shape (T, 73), float32
    """
    fitted = np.array(clip, np.float32)
    if match_crop:
        fitted[:, paper_vector.CROP_SCALE] *= paper_vector.crop_ratio(own, fitted)
    if expression_only:
        fitted[:, paper_vector.ANGLES.start :] = own[paper_vector.ANGLES.start :]
    return fitted


def _from_mat(path: Path) -> NDArray:
    from scipy.io import loadmat

    fields: Mapping[str, NDArray] = loadmat(path)
    if "coeff" in fields:
        transform = next((fields[name] for name in _TRANSFORM_NAMES if name in fields), None)
        if transform is None:
            raise BadInput(f"{path.name} has `coeff` but no `transform_params`: extract it again")
        return _joined(path, fields["coeff"], transform)
    if "coeff_3dmm" in fields:
        return fields["coeff_3dmm"]
    found = ", ".join(sorted(name for name in fields if not name.startswith("__"))) or "nothing"
    raise BadInput(f"{path.name} holds {found}, but neither `coeff` nor `coeff_3dmm`")


def _joined(path: Path, coefficients: NDArray, transform: NDArray) -> NDArray:
    wide = paper_vector.RECONSTRUCTION_SIZE
    if coefficients.ndim != 2 or coefficients.shape[1] != wide:
        raise BadInput(f"{path.name}: `coeff` is {coefficients.shape}, not (frames, {wide})")
    if transform.ndim != 2 or transform.shape[1] < 3 or len(transform) != len(coefficients):
        raise BadInput(
            f"{path.name}: `transform_params` is {transform.shape}, not ({len(coefficients)}, 5)"
        )
    return paper_vector.assemble(coefficients, transform)


def _checked(path: Path, vectors: NDArray) -> NDArray[np.float32]:
    if vectors.dtype.kind not in "fiu":
        raise BadInput(f"{path.name} holds {vectors.dtype} values, not numbers")
    if vectors.ndim == 3 and vectors.shape[1] == 1:
        vectors = vectors[:, 0]  # one frame a row, kept as (T, 1, 73)
    if vectors.ndim != 2 or vectors.shape[1] != paper_vector.SIZE:
        raise BadInput(f"{path.name} is {vectors.shape}, not (frames, {paper_vector.SIZE})")
    if not 0 < len(vectors) <= _MOST_FRAMES:
        raise BadInput(f"{path.name} holds {len(vectors)} frames: give a clip of one or more")
    clip = np.ascontiguousarray(vectors, np.float32)
    wrong = ~np.isfinite(clip).all(axis=1)
    if wrong.any():
        raise BadInput(f"{path.name}: frame {int(wrong.argmax()) + 1} holds a NaN or infinity")
    return clip
