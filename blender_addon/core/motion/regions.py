# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of the face an expression belongs to, and which of them a bake takes. No bpy here."""

from __future__ import annotations

import fnmatch

import numpy as np
from numpy.typing import NDArray

from ... import bridge

HEAD: str = bridge.motion_mix.HEAD
FACE_REGIONS: tuple[str, ...] = bridge.regions.REGIONS
REGIONS: tuple[str, ...] = bridge.motion_mix.LAYERS


def chosen(regions: frozenset[str], only: str = "") -> NDArray[np.bool_]:
    """Return which of the 52 expressions are wanted.

    Parameters
    ----------
    regions : frozenset of str
        Out of `REGIONS`.
    only : str
        Names of expressions apart by commas or spaces, ``*`` standing for anything, such as
        "jaw*, mouthClose"; empty for all of the regions.

    Returns
    -------
    (52,) bool array

    Raises
    ------
    BadInput
        A name in `only` is no expression's.
    """
    names = bridge.coefficients.EXPRESSION_NAMES
    taken = bridge.regions.region_mask(regions - {HEAD})
    patterns = only.replace(",", " ").split()
    if not patterns:
        return taken
    named = np.zeros(len(names), bool)
    for pattern in patterns:
        hits = [fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for name in names]
        if not any(hits):
            raise bridge.errors.BadInput(
                f'"{pattern}" is not an expression: names are like jawOpen or mouthSmileLeft, '
                "and * stands for anything"
            )
        named |= np.array(hits)
    return taken & named


def short_list(names: tuple[str, ...], most: int = 4) -> str:
    """Return names for a sentence, a long list cut short: "a, b and 3 more"."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
