# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of the face: which of the 52 expressions belong to the eyes, the mouth and so on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .coefficients import EXPRESSION_NAMES
from .errors import UsageError

_STARTS = {
    "eyes": ("eye",),
    "brows": ("brow",),
    "mouth": ("mouth", "jaw", "tongue"),
    "cheeks": ("cheek",),
    "nose": ("nose",),
}
REGIONS = tuple(_STARTS)
"""Every expression belongs to exactly one of these."""


def region_of(name: str) -> str:
    """Return the region of one expression, such as ``"mouth"`` of ``jawOpen``."""
    return next(region for region, starts in _STARTS.items() if name.startswith(starts))


def region_mask(regions: Iterable[str]) -> NDArray[np.bool_]:
    """Tell which of the 52 expressions belong to some regions.

    Parameters
    ----------
    regions : iterable of str
        Names out of ``REGIONS``.

    Returns
    -------
    (52,) bool

    Raises
    ------
    UsageError
        There is no region of that name.
    """
    chosen = tuple(regions)
    for region in chosen:
        if region not in _STARTS:
            raise UsageError(f"no region {region!r} of the face: choose among {', '.join(REGIONS)}")
    return np.array([region_of(name) in chosen for name in EXPRESSION_NAMES])
