# SPDX-License-Identifier: GPL-3.0-or-later
"""A look that changes while the face speaks: hair, skin, jaw, and a lamp that goes around.

Nothing here knows Blender: every edit is a short list of (second, value) keys, and so is the
lamp's way about the head. The shot begins and ends with the photo as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, radians, sin

from demo.performance import Key

SECONDS = 4.0

EDITS: Mapping[str, tuple[Key, ...]] = {
    "hair_lightness": ((0.25, 0.0), (0.65, -1.6), (3.10, -1.6), (3.75, 0.0)),
    "skin_warmth": ((0.65, 0.0), (1.00, 1.2), (3.10, 1.2), (3.75, 0.0)),
    "jaw_width": ((1.00, 0.0), (1.45, 1.0), (2.90, 1.0), (3.40, 0.0)),
    "chin_length": ((1.10, 0.0), (1.55, 0.6), (2.80, 0.6), (3.30, 0.0)),
}
# Degrees to image right of the face's front, where the lamp leaves the photo's light as it is.
LAMP: tuple[Key, ...] = ((1.60, 0.0), (2.15, 40.0), (2.90, -35.0), (3.50, 0.0))
LAMP_DISTANCE = 4.0
"""Of the lamp from the head, in heights of the head."""


@dataclass(frozen=True)
class Look:
    """All keys of the look.

    Attributes
    ----------
    edits : mapping of str to tuple of (second, value)
        By the edit's name.
    lamp : tuple of (second, (right, up, toward the viewer))
        Where the lamp is, seen from the middle of the head, in heights of the head.
    """

    edits: Mapping[str, tuple[Key, ...]]
    lamp: tuple[tuple[float, tuple[float, float, float]], ...]
    seconds: float = SECONDS


def look() -> Look:
    """Return the look; the lamp goes along a circle, in steps of at most 12 degrees."""
    lamp = []
    for (start, first), (end, last) in itertools.pairwise(LAMP):
        steps = max(1, round(abs(last - first) / 12.0))
        for step in range(steps + (end == LAMP[-1][0])):
            angle = radians(first + (last - first) * step / steps)
            place = (LAMP_DISTANCE * sin(angle), 0.0, LAMP_DISTANCE * cos(angle))
            lamp.append((start + (end - start) * step / steps, place))
    return Look(EDITS, tuple(lamp))
