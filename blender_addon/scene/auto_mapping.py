# SPDX-License-Identifier: GPL-3.0-or-later
"""Automatic mapping: fills a portrait's rig map from the names and shapes of its shape keys.

Reads the mesh and its armature on the main thread; matching is done by `core.rig.auto_map`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import bridge
from ..core.rig.auto_map import AutoMap, auto_map, match_by_name, notes_of
from ..core.rig.geometric_match import GeometricMatch, match_fields
from ..core.rig.head_bone import AUTO, find_head_bone
from ..core.rig.key_fields import (
    Floats,
    MeshKeys,
    brute_neighbours,
    energy_centres,
    face_region,
    thin_evenly,
)
from ..core.rig.rig_map import RigMap, default_bone_rows
from ..data import rig_maps
from ..data.rig_maps import key_names
from .sampling import RigSource, problems

# So many keys known by name, spread over the list, align the mesh with the face model well enough.
_ENOUGH_KNOWN = 12
# Above so many pairs of points a k-d tree is faster than brute force.
_TREE_PAYS = 20_000_000


# More vertices than this are thinned: displacements of 52 keys then take about 6 MB.
_MOST_VERTICES = 9000


@dataclass(frozen=True)
class MappedRig:
    """The rig map of an object, and the rig's properties.

    Attributes
    ----------
    rig_map : RigMap
        At least one row for every shape key (rows that could not be matched have
        ``expression=""``, unsure guesses are muted) and six bone rows when there is a head bone.
    armature : bpy.types.Object or None
        The armature given, or the one that deforms or carries the mesh.
    head_bone : str
        Name of the head bone, "" if none was found.
    facing : str
        For ``RigSource.facing``.
    eye_distance : float
        For ``RigSource.eye_distance``; 0 when unknown.
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


@dataclass(frozen=True)
class RigFacts:
    """All that `map_facts` needs, without Blender data.

    Attributes
    ----------
    mesh_name : str
        "" when there is no face mesh.
    key_names : tuple of str
        The shape keys without the reference key.
    mesh_keys : MeshKeys or None
        The displacements to compare, None when there is nothing to compare.
    armature : bpy.types.Object or None
        Passed on unread.
    armature_name, head_bone : str
        "" for none.
    preset : str
        Identifier of the preset to use, "" for the best one.
    """

    mesh_name: str
    key_names: tuple[str, ...]
    mesh_keys: MeshKeys | None
    armature: Any
    armature_name: str
    head_bone: str
    preset: str


def map_portrait(portrait: Any, *, preset: str = "", use_geometry: bool = True) -> tuple[str, ...]:
    """Map the portrait's mesh and armature, and set its rig properties.

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
    found = map_object(portrait.mesh, portrait.armature, preset=preset, use_geometry=use_geometry)
    rig_maps.fill(portrait, found.rig_map)
    if found.armature is not None:
        portrait.armature = found.armature
    if found.head_bone:
        portrait.head_bone = found.head_bone
    portrait.facing = found.facing
    portrait.eye_distance = found.eye_distance
    return found.notes


def map_object(
    mesh: Any, armature: Any = None, *, preset: str = "", use_geometry: bool = True
) -> MappedRig:
    """Fill a rig map for a mesh object and its armature, at once.

    Reads only, so linked and library-overridden rigs work too. Takes some tens of milliseconds
    when the names tell everything, up to a few seconds when the geometry of a large mesh is
    compared: an interface calls `read_rig_facts` and lets a thread do `map_facts`.

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
        The preset is unknown, or the mesh object is not a mesh or lost its linked file.
    """
    return map_facts(read_rig_facts(mesh, armature, preset=preset, use_geometry=use_geometry))


def read_rig_facts(
    mesh: Any, armature: Any = None, *, preset: str = "", use_geometry: bool = True
) -> RigFacts:
    """Read the rig on Blender's main thread; parameters and errors as `map_object`."""
    if mesh is not None and (mesh.type != "MESH" or mesh.is_missing or mesh.data.is_missing):
        raise bridge.errors.BadInput(problems(RigSource(mesh))[0])
    armature = armature or find_armature(mesh)
    names = key_names(mesh)
    known = tuple(match_by_name(names, preset)[1])
    wanted = known[:: len(known) // _ENOUGH_KNOWN + 1]
    if use_geometry:
        wanted += tuple(name for name in names if name not in known)
    return RigFacts(
        mesh.name if mesh is not None else "",
        names,
        read_mesh_keys(mesh, wanted) if wanted else None,
        armature,
        armature.name if armature is not None else "",
        find_head_bone(armature.data.bones.keys()) if armature is not None else "",
        preset,
    )


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
    """Return indices and offsets of the vertices that a key moves; most keys move few."""
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


def map_facts(facts: RigFacts) -> MappedRig:
    """Map what was read. Uses no Blender data: any thread may call it."""
    keys = facts.mesh_keys

    def compare(known: Mapping[str, Mapping[str, float]]) -> GeometricMatch:
        assert keys is not None
        return match_fields(keys, known, neighbours=tree_neighbours)

    found = auto_map(facts.key_names, compare if keys is not None else None, facts.preset)
    similarity = found.match.similarity if found.match else None
    return MappedRig(
        RigMap(found.rows, default_bone_rows() if facts.head_bone else ()),
        facts.armature,
        facts.head_bone,
        AUTO,
        1.0 / similarity.scale if similarity else 0.0,
        found.preset,
        (*_key_notes(facts, found), _head_note(facts)),
    )


def find_armature(mesh: Any) -> Any:
    """Return the armature object that deforms a mesh or is among its parents, or None."""
    if mesh is None:
        return None
    for modifier in mesh.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None:
            return modifier.object
    parent = mesh.parent
    while parent is not None and parent.type != "ARMATURE":
        parent = parent.parent
    return parent


def tree_neighbours(points: Floats, queries: Floats, k: int) -> tuple[Floats, NDArray[np.integer]]:
    """Find nearest neighbours, by Blender's k-d tree where that is faster; see ``Neighbours``."""
    if len(points) * len(queries) < _TREE_PAYS:
        return brute_neighbours(points, queries, k)
    from mathutils.kdtree import KDTree

    tree = KDTree(len(points))
    for i, point in enumerate(points.tolist()):
        tree.insert(point, i)
    tree.balance()
    k = min(k, len(points))
    found = [tree.find_n(query, k) for query in queries.tolist()]
    distance = np.array([[hit[2] for hit in hits] for hits in found])
    index = np.array([[hit[1] for hit in hits] for hits in found], np.intp)
    return distance, index


def _key_notes(facts: RigFacts, found: AutoMap) -> tuple[str, ...]:
    if not facts.mesh_name:
        return ("No face mesh is picked",)
    if not found.rows:
        return (f'"{facts.mesh_name}" has no shape keys: pick the mesh that has them, or add some',)
    return notes_of(found)


def _head_note(facts: RigFacts) -> str:
    if not facts.armature_name:
        return "No armature was found: the head will not turn"
    if not facts.head_bone:
        return f'No head bone was found in "{facts.armature_name}": choose it by hand'
    return f'Head bone "{facts.head_bone}" of "{facts.armature_name}"'
