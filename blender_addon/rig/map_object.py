# SPDX-License-Identifier: GPL-3.0-or-later
"""Automatic mapping of the rig of one Blender object: what the Auto-map button calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .rig_map import RigMap


@dataclass(frozen=True)
class MappedRig:
    """What `map_object` found.

    Attributes
    ----------
    rig_map : RigMap
        A row for every shape key (rows that could not be matched have ``expression=""``) and six
        bone rows when there is a head bone.
    armature : bpy.types.Object or None
        The armature given, or the one that deforms or carries the mesh.
    head_bone : str
        Name of the head bone, "" if none was found.
    facing : str
        For ``RigSource.facing``.
    eye_distance : float
        For ``RigSource.eye_distance``; 0 when it could not be told.
    preset : str
        Label of the preset whose names fit best, "" if none did.
    notes : tuple of str
        Plain lines for the user: what was matched how, and what was not.
    """

    rig_map: RigMap
    armature: Any
    head_bone: str
    facing: str
    eye_distance: float
    preset: str
    notes: tuple[str, ...]


def map_object(
    mesh: Any, armature: Any = None, *, preset: str = "", use_geometry: bool = True
) -> MappedRig:
    """Fill a rig map for a mesh object and its armature.

    Reads only, so linked and library-overridden rigs work too. Takes some milliseconds when the
    names tell everything, up to a few seconds when the geometry of a large mesh is compared.

    Parameters
    ----------
    mesh : bpy.types.Object or None
        The face mesh. None (or a mesh without shape keys) still finds the head bone.
    armature : bpy.types.Object, optional
        The armature; found through the mesh's modifiers and parents when left out.
    preset : str
        Identifier of the naming preset to use (``presets.preset_names()``), "" for the best one.
    use_geometry : bool
        Whether keys with unknown names are compared with the face model by their displacement.

    Raises
    ------
    BadInput
        The preset is unknown, or the mesh object is not a mesh.
    """
    raise NotImplementedError
