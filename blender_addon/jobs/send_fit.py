# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a fitted head in the scene and hands it to its portrait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.edit import fit_reading
from ..scene import auto_mapping, head_materials, head_rig
from .face_job import FaceOrder


def order_for(*, lit: bool) -> FaceOrder:
    """Return the order; see `add`."""

    def land(context: Any, portrait: Any, out: Path) -> tuple[str, ...]:
        return add(context, portrait, out, lit=lit)

    return FaceOrder(("fit",), "The fit is here", "Send Fit to Scene", land, adds_objects=True)


def add(context: Any, portrait: Any, path: Path, *, lit: bool) -> tuple[str, ...]:
    """Add the head of a fit; a portrait without a rig gets it as its own.

    Parameters
    ----------
    context : bpy.types.Context
    portrait : HeatPortrait
    path : Path
        The file that `heat fit` wrote.
    lit : bool
        See `head_materials.give_photo_materials`.

    Returns
    -------
    tuple of str
        What to tell, the outcome first.

    Raises
    ------
    BadInput
        The file is no fit, or the scene cannot be changed.
    """
    fit = fit_reading.read(path)
    name = (portrait.name or "Portrait")[:40]
    head = head_rig.Head(
        f"{name} Fit",
        f"{name} Head",
        f"{name} Armature",
        fit.vertices,
        fit.shapes,
        lambda data: head_materials.give_photo_materials(data, fit, name, lit=lit),
    )
    mesh, armature = head_rig.add_head(context, head)
    if portrait.mesh is not None or portrait.armature is not None:
        return (
            f'"{mesh.name}" is in the scene',
            f'The portrait keeps its rig: choose "{mesh.name}" as its face mesh to pose it by that',
        )
    portrait.mesh, portrait.armature = mesh, armature
    auto_mapping.map_portrait(portrait)
    head_rig.show_selected(context.scene)
    return (f'"{mesh.name}" is in the scene and drives the portrait',)
