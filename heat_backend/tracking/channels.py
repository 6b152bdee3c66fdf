# SPDX-License-Identifier: GPL-3.0-or-later
"""Which expressions a film shows, how strongly landmarks read them, and their regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.errors import UsageError

GAZE = tuple(name for name in EXPRESSION_NAMES if name.startswith("eyeLook"))
# Landmarks on the skin do not show these; mouthClose is known only against an open jaw.
UNSEEN = ("tongueOut", "cheekPuff", "jawForward", "mouthClose")
TRACKED = tuple(name for name in EXPRESSION_NAMES if name not in GAZE and name not in UNSEEN)

# Movement that FaceMesh reads over movement that the face model makes at 1: its lids never meet,
# its brows and corners lag. Measured on clips rendered by the warp engine.
READS = {"eyeBlinkLeft": 0.84, "eyeBlinkRight": 0.84}

# Weight at which a shape is as unlikely as one standard deviation of landmark noise.
USUAL = 0.3
# Shapes that mostly explain noise unless the landmarks speak clearly for them.
RARE = {
    "cheekSquintLeft": 0.12,
    "cheekSquintRight": 0.12,
    "noseSneerLeft": 0.15,
    "noseSneerRight": 0.15,
    "mouthDimpleLeft": 0.15,
    "mouthDimpleRight": 0.15,
    "mouthShrugUpper": 0.15,
    "mouthShrugLower": 0.15,
    "eyeWideLeft": 0.2,
    "eyeWideRight": 0.2,
}

_STARTS = {
    "eyes": ("eye",),
    "brows": ("brow",),
    "mouth": ("mouth", "jaw", "tongue"),
    "cheeks": ("cheek",),
    "nose": ("nose",),
}
REGIONS = tuple(_STARTS)


def tracked_index() -> NDArray[np.intp]:
    """Return the indices into the 52 of the expressions in ``TRACKED``, shape (E,)."""
    return np.array([EXPRESSION_INDEX[name] for name in TRACKED], np.intp)


def region_mask(regions: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which of the 52 belong to some regions.

    Parameters
    ----------
    regions : tuple of str
        Names out of ``REGIONS``; empty means all.

    Raises
    ------
    UsageError
        There is no region of that name.
    """
    if not regions:
        return np.ones(len(EXPRESSION_NAMES), bool)
    for region in regions:
        if region not in _STARTS:
            raise UsageError(f"--region {region}: choose among {', '.join(REGIONS)}")
    starts = tuple(start for region in regions for start in _STARTS[region])
    return np.array([name.startswith(starts) for name in EXPRESSION_NAMES])
