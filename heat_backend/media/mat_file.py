# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads MATLAB files (version 5 to 7.2); too large ones are refused before they are unpacked."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_mat(
    path: Path, most_bytes: int, names: Collection[str] | None = None
) -> dict[str, NDArray]:
    """Read arrays of a MATLAB file.

    Parameters
    ----------
    path : path
    most_bytes : int
        That they may take together, at eight bytes an element.
    names : collection of str, optional
        The arrays wanted; all by default. Missing ones are left out of the result.

    Raises
    ------
    ValueError
        They are larger.
    Exception
        Whatever scipy's reader meets in a damaged file; its kinds are not documented.
    """
    from scipy.io import loadmat, whosmat

    listed = [(name, shape) for name, shape, _ in whosmat(path) if names is None or name in names]
    if 8 * sum(math.prod(shape) for _, shape in listed) > most_bytes:
        raise ValueError(f"its content is larger than {most_bytes >> 20} MB")
    found = loadmat(path, variable_names=[name for name, _ in listed])
    return {name: np.asarray(found[name]) for name, _ in listed}
