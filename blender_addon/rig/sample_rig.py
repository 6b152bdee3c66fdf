# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample rig: a head with the 52 ARKit shape keys and an armature, made from the face model."""

from __future__ import annotations

from typing import Any


def add_sample_rig(context: Any) -> tuple[Any, Any]:
    """Add the head mesh and its armature to the scene, at the 3D cursor, in their own collection.

    Works in background Blender too. Afterwards Object Mode is on and the mesh is selected and
    active. The head faces -Y, is about 0.22 m tall, has 52 shape keys with ARKit's names, and
    the bones "neck" and "head".

    Parameters
    ----------
    context : bpy.types.Context
        Gives scene and view layer.

    Returns
    -------
    mesh, armature : bpy.types.Object
        The new objects.

    Raises
    ------
    BadInput
        The scene or its collection cannot be changed (linked).
    """
    raise NotImplementedError
