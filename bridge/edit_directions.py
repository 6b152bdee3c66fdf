# SPDX-License-Identifier: GPL-3.0-or-later
"""From shape edits to weights of the face model's identity basis.

The file beside this module is made by ``tools/face_model/edit_directions.py``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .edits import IDENTITY_COUNT, IDENTITY_EDITS
from .errors import BadInput

_RAW = {edit.name: k for k, edit in enumerate(IDENTITY_EDITS)}


@dataclass(frozen=True)
class Directions:
    """Shape edits in identity space.

    Attributes
    ----------
    weights : mapping of names to (K,) float32
        Change of identity at +1.
    spread : mapping of names to float
        What +1 adds to the measure that the edit is named after: its standard deviation.
    """

    weights: Mapping[str, NDArray[np.float32]]
    spread: Mapping[str, float]


@lru_cache(maxsize=1)
def load() -> Directions:
    """Load the shipped directions.

    Raises
    ------
    BadInput
        The file beside this module is damaged.
    """
    path = Path(__file__).with_name("edit_directions.npz")
    try:
        with np.load(path, allow_pickle=False) as data:
            names = [str(name) for name in data["names"]]
            rows, spread = data["directions"], data["spread"]
        if rows.shape != (len(names), IDENTITY_COUNT) or spread.shape != (len(names),):
            raise ValueError("wrong shapes")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path.name} cannot be read ({error}): reinstall Heat") from error
    return Directions(
        dict(zip(names, rows, strict=True)), dict(zip(names, map(float, spread), strict=True))
    )


def identity_change(edits: Mapping[str, float]) -> NDArray[np.float32]:
    """Return the change of identity weights (K,) that some edits ask for; others are left out."""
    weights = load().weights
    change = np.zeros(IDENTITY_COUNT, np.float32)
    for name, value in edits.items():
        if name in weights:
            change += np.float32(value) * weights[name]
        elif name in _RAW:
            change[_RAW[name]] += np.float32(value)
    return change
