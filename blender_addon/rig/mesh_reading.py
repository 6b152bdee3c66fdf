# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads rest shape and shape key displacements of a mesh object as arrays. Never writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .key_fields import Floats, MeshKeys, energy_centres, face_region, thin_evenly

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
    neutral = _positions(keys.reference_key, len(mesh.data.vertices))
    centres, spreads = _where_keys_act(mesh, names, neutral)
    kept = np.flatnonzero(face_region(neutral, centres, spreads))
    kept = kept[thin_evenly(neutral[kept], _MOST_VERTICES)]
    moved = [_displacement(mesh, name, len(neutral))[kept] for name in names]
    shape = (len(names), len(kept), 3)
    return MeshKeys(tuple(names), neutral[kept], np.array(moved, np.float32).reshape(shape))


def _where_keys_act(mesh: Any, names: Sequence[str], neutral: Floats) -> tuple[Floats, Floats]:
    centres, spreads = np.empty((len(names), 3)), np.empty(len(names))
    for i, name in enumerate(names):
        moved = _displacement(mesh, name, len(neutral))
        centre, spread = energy_centres(neutral, moved[None])
        centres[i], spreads[i] = centre[0], spread[0]
    return centres, spreads


def _displacement(mesh: Any, name: str, count: int) -> Floats:
    block = mesh.data.shape_keys.key_blocks[name]
    return _positions(block, count) - _positions(block.relative_key, count)


def _positions(block: Any, count: int) -> NDArray[np.float32]:
    flat = np.empty(count * 3, np.float32)
    block.points.foreach_get("co", flat)
    return flat.reshape(-1, 3)
