# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a portrait's rig map by itself."""

from __future__ import annotations

from typing import Any

from ..data import map_rows
from . import map_object


def apply(portrait: Any, *, preset: str = "", use_geometry: bool = True) -> tuple[str, ...]:
    """Map the portrait's mesh and armature, and fill in what they tell about the rig.

    Parameters
    ----------
    portrait : HeatPortrait
        Its rows, armature, head bone, facing and eye distance are set.
    preset : str
        Naming preset, "" for the one that fits best.
    use_geometry : bool
        Whether unknown names are matched by how their keys move the mesh.

    Returns
    -------
    tuple of str
        Plain lines: what was matched how, and what was not.

    Raises
    ------
    BadInput
        The preset is unknown, or the object is not a mesh.
    """
    found = map_object.map_object(
        portrait.mesh, portrait.armature, preset=preset, use_geometry=use_geometry
    )
    map_rows.fill(portrait, found.rig_map)
    if found.armature is not None:
        portrait.armature = found.armature
    if found.head_bone:
        portrait.head_bone = found.head_bone
    portrait.facing = found.facing
    portrait.eye_distance = found.eye_distance
    return found.notes
