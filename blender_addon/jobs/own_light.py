# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the backend where the photo's own light comes from, for a lamp that drives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.edit import fit_reading
from ..scene import lamp_rig
from .face_job import FaceOrder


def order() -> FaceOrder:
    """Return the order; see `take`."""
    return FaceOrder(("fit",), "The light is found", "Own Light from Photo", take)


def take(_context: Any, portrait: Any, path: Path) -> tuple[str, ...]:
    """Note the direction of a fit's light as that of the photo's own; return what to tell.

    Raises
    ------
    BadInput
        The file is no fit.
    """
    yaw, pitch = lamp_rig.angles(fit_reading.read_light(path))
    portrait.edits.photo_light_yaw, portrait.edits.photo_light_pitch = yaw, pitch
    side = "right" if yaw >= 0.0 else "left"
    height = "below" if pitch >= 0.0 else "above"
    return (
        f"The photo's light comes from {abs(yaw):.0f} degrees image {side}, "
        f"{abs(pitch):.0f} degrees {height}",
    )
