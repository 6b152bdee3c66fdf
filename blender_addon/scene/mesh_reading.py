# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads rest shape and shape key displacements of a mesh object as arrays. Never writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.rig.key_fields import Floats, MeshKeys, energy_centres, face_region, thin_evenly

# More vertices than this are thinned before all keys are held in memory at once.
_MOST_VERTICES = 9000


def read_mesh_keys(mesh: Any, names: Sequence[str]) -> MeshKeys:
    """Read how shape keys move a mesh object, at an even density around the face.

    Parameters
    ----------
    mesh : bpy.types.Object
        A mesh object with shape keys.
    names : sequence of str
        The shape keys wanted; all must exist.

    Returns
    -------
    MeshKeys
        In the mesh's own axes and units. Displacements are relative to each key's own
        reference key.
    """
    keys = mesh.data.shape_keys
    count = len(mesh.data.vertices)
    rest = {keys.reference_key.name: _positions(keys.reference_key, count)}
    neutral = rest[keys.reference_key.name]
    moved = [_moved(keys.key_blocks[name], count, rest) for name in names]
    centres, spreads = np.empty((len(names), 3)), np.empty(len(names))
    for i, (index, offset) in enumerate(moved):
        centre, spread = energy_centres(neutral[index], offset[None])
        centres[i], spreads[i] = centre[0], spread[0]
    kept = np.flatnonzero(face_region(neutral, centres, spreads))
    kept = kept[thin_evenly(neutral[kept], _MOST_VERTICES)]
    slot = np.full(count, -1)
    slot[kept] = np.arange(len(kept))
    displacements = np.zeros((len(names), len(kept), 3), np.float32)
    for i, (index, offset) in enumerate(moved):
        inside = slot[index] >= 0
        displacements[i, slot[index[inside]]] = offset[inside]
    return MeshKeys(tuple(names), neutral[kept], displacements)


def _moved(
    block: Any, count: int, rest: dict[str, NDArray[np.float32]]
) -> tuple[NDArray[np.intp], Floats]:
    """Return which vertices a key moves, and how far; most keys move few."""
    base = block.relative_key
    if base.name not in rest:
        rest[base.name] = _positions(base, count)
    offset = _positions(block, count) - rest[base.name]
    index = np.flatnonzero(offset.any(axis=1))
    return index, offset[index]


def _positions(block: Any, count: int) -> NDArray[np.float32]:
    flat = np.empty(count * 3, np.float32)
    block.points.foreach_get("co", flat)
    return flat.reshape(-1, 3)
