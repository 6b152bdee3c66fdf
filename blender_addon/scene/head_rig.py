# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds heads with the 52 ARKit shape keys and an armature: the sample rig, and fitted heads.

Finds a free place beside other objects for them, and shows them in the 3D views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Vector
from numpy.typing import NDArray

from .. import bridge, versions
from ..core.rig.model_fields import gaze_displacements
from . import head_materials

COLLECTION_NAME = "Heat Sample Rig"
MESH_NAME = "Heat Sample Head"
ARMATURE_NAME = "Heat Sample Armature"
HEAD_HEIGHT = 0.22  # metres from the chin to the crown
_GAP = 0.1  # metres between a new head and the object that it stands beside

# An object larger than this, metres, is a room, ground or sky: a new object stands in it, not
# beside it.
_SURROUNDINGS = 5.0
_SOLID = {"MESH", "CURVE", "CURVES", "SURFACE", "META", "FONT", "POINTCLOUD", "VOLUME"}
_TOUCH = 1e-4  # metres: boxes that overlap by less only touch
_FRONTAL = 0.8  # cosine of the largest angle from the front at which both eyes show well
_FROM_THE_FRONT = (1.4, 0.0, 0.3)  # view rotation, radians: a little from above and aside

Box = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Head:
    """A head with the face model's vertices and triangles.

    Attributes
    ----------
    collection, mesh, armature : str
        Names of the new objects.
    vertices : (V, 3) array
        The model's axes and unit.
    offsets : (52, V, 3) array
        Displacement at value 1 of each expression, in the order of the contract.
    look : callable
        Called with the new mesh data to give it materials.
    """

    collection: str
    mesh: str
    armature: str
    vertices: NDArray[np.floating]
    offsets: NDArray[np.floating]
    look: Callable[[Any], None]


def add_sample_rig(context: Any) -> tuple[Any, Any]:
    """Add the face model's own head; see :func:`add_head`."""
    model = bridge.face_model.load()
    offsets = model.expression + gaze_displacements(model)
    names = (COLLECTION_NAME, MESH_NAME, ARMATURE_NAME)
    head = Head(
        *names,
        model.vertices,
        offsets,
        lambda data: head_materials.give_sample_materials(data, model),
    )
    return add_head(context, head)


def add_head(context: Any, head: Head) -> tuple[Any, Any]:
    """Add a head mesh and its armature to the scene, at the 3D cursor, in their own collection.

    Where another object stands at the cursor, they are placed beside it along X.

    Works in background Blender too. Afterwards Object Mode is on and the mesh is selected and
    active. The head faces -Y, is about 0.22 m tall from chin to crown, has 52 shape keys with
    ARKit's names (the eyeballs rotate with eyeLook*), and the bones "neck" and "head". The lower
    end of the neck is at the cursor's height.

    Parameters
    ----------
    context : bpy.types.Context
        Gives scene and view layer.
    head : Head

    Returns
    -------
    mesh, armature : bpy.types.Object
        The new objects.

    Raises
    ------
    BadInput
        The scene is linked from another file and cannot be changed.
    """
    scene = context.scene
    if scene.library is not None:
        raise bridge.errors.BadInput(
            f'the scene "{scene.name}" is linked and cannot be changed: switch to a local scene'
        )
    if context.view_layer.objects.active is not None and context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    model = bridge.face_model.load()
    size = _metres(model)
    base = -float(head.vertices[:, 1].min()) * size
    place = _place(context, _to_blender(head.vertices, size, base))
    collection = bpy.data.collections.new(head.collection)
    scene.collection.children.link(collection)
    mesh = _head_object(model, head, size, base)
    armature = bpy.data.objects.new(head.armature, bpy.data.armatures.new(head.armature))
    collection.objects.link(mesh)
    collection.objects.link(armature)
    armature.location = place
    crown = base + float(head.vertices[:, 1].max()) * size
    _add_bones(context, armature, base, crown)
    _bind(model, mesh, armature)
    _select_only(context, mesh)
    return mesh, armature


def _place(context: Any, points: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return the rig's location: the 3D cursor, or beside the objects there."""
    cursor = np.array(context.scene.cursor.location, np.float64)
    bounds = (points.min(axis=0) + cursor, points.max(axis=0) + cursor)
    shift = shift_to_free(bounds, taken_boxes(context), _GAP)
    return (float(cursor[0]) + shift, float(cursor[1]), float(cursor[2]))


def _metres(model: Any) -> float:
    """Return metres for one unit of the model."""
    names = bridge.face_model.PART_NAMES
    skull = np.isin(model.vertex_part, [names.index("face"), names.index("head")])
    return HEAD_HEIGHT / float(np.ptp(model.vertices[skull, 1]))


def _to_blender(points: NDArray[np.floating], size: float, base: float) -> NDArray[np.float32]:
    """Turn (..., 3) model positions into the mesh's: -Y forward, metres, neck on the ground."""
    turned = bridge.pose.contract_to_blender(points) * size
    turned[..., 2] += base
    return turned.astype(np.float32)


def _head_object(model: Any, head: Head, size: float, base: float) -> Any:
    data = bpy.data.meshes.new(head.mesh)
    rest = _to_blender(head.vertices, size, base)
    data.from_pydata(rest.tolist(), [], model.triangles.tolist())
    data.shade_smooth()
    head.look(data)
    data.update()
    mesh = bpy.data.objects.new(head.mesh, data)
    mesh.shape_key_add(name="Basis", from_mix=False)
    for name, offset in zip(bridge.coefficients.EXPRESSION_NAMES, head.offsets, strict=True):
        block = versions.new_shape_key(mesh, name)
        block.slider_max = bridge.coefficients.EXPRESSION_MAX  # a wide yawn goes beyond 1
        moved = _to_blender(head.vertices + offset, size, base)
        block.points.foreach_set("co", moved.ravel())
    mesh.active_shape_key_index = 0
    return mesh


def _add_bones(context: Any, armature: Any, pivot: float, crown: float) -> None:
    """Add "neck" from the ground to the head's pivot and "head" from there to the crown."""
    _select_only(context, armature)
    bpy.ops.object.mode_set(mode="EDIT")
    neck = armature.data.edit_bones.new("neck")
    neck.head, neck.tail = (0.0, 0.02, 0.25 * pivot), (0.0, 0.0, pivot)
    head = armature.data.edit_bones.new("head")
    head.head, head.tail = (0.0, 0.0, pivot), (0.0, 0.0, crown)
    head.parent, head.use_connect = neck, True
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.show_in_front = True
    armature.data.display_type = "STICK"  # thin, so that the face can be seen


def _bind(model: Any, mesh: Any, armature: Any) -> None:
    """Give the mesh vertex groups, an Armature modifier and the armature as parent."""
    weight = head_weights(model)
    # 65 distinct weights, so that few calls assign them.
    level = np.rint(weight * 64.0).astype(np.int64)
    for name, share in (("head", level), ("neck", 64 - level)):
        group = mesh.vertex_groups.new(name=name)
        for step in np.unique(share[share > 0]):
            group.add(np.flatnonzero(share == step).tolist(), float(step) / 64.0, "REPLACE")
    mesh.parent = armature
    modifier = mesh.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def head_weights(model: Any) -> NDArray[np.float64]:
    """Return the weight of each vertex for the head bone; the rest is the neck's.

    1 on face, skull and everything inside; falls smoothly to 0 at the rim of the bust (a harmonic
    function on the neck's edges, by 400 Jacobi iterations, then a smoothstep).

    Returns
    -------
    (V,) array
        0..1.
    """
    neck = model.vertex_part == bridge.face_model.PART_NAMES.index("neck")
    a, b, c = model.triangles.T.astype(np.int64)
    one, other = np.concatenate([a, b, c]), np.concatenate([b, c, a])
    weight = np.where(neck, 0.5, 1.0)
    rim = neck & _on_open_edge(one, other, len(weight))
    weight[rim] = 0.0
    inner = neck & ~rim
    degree = np.bincount(one, minlength=len(weight)) + np.bincount(other, minlength=len(weight))
    for _ in range(400):
        total = np.bincount(one, weight[other], len(weight))
        total += np.bincount(other, weight[one], len(weight))
        weight[inner] = (total / np.maximum(degree, 1))[inner]
    return bridge.ramps.smoothstep(0.0, 1.0, weight)


def _on_open_edge(
    one: NDArray[np.int64], other: NDArray[np.int64], count: int
) -> NDArray[np.bool_]:
    """Return which vertices lie on a boundary edge, which only one triangle uses."""
    edges = np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    found = np.zeros(count, bool)
    found[unique[uses == 1].ravel()] = True
    return found


def _select_only(context: Any, chosen: Any) -> None:
    for other in context.view_layer.objects:
        other.select_set(other == chosen)
    context.view_layer.objects.active = chosen


def shift_to_free(wanted: Box, taken: list[Box], gap: float) -> float:
    """Return how far to move a box along X so that it overlaps no other.

    Parameters
    ----------
    wanted : pair of (3,) arrays
        Lowest and highest corner, metres.
    taken : list of such pairs
        Boxes of the other objects.
    gap : float
        Distance to leave, metres.

    Returns
    -------
    float
        0 where the place is free.
    """
    low, high = wanted
    shift = 0.0
    for _ in range(len(taken)):
        step = np.array([shift, 0.0, 0.0])
        hit = [
            other_high[0]
            for other_low, other_high in taken
            if (low + step < other_high - _TOUCH).all() and (other_low + _TOUCH < high + step).all()
        ]
        if not hit:
            break
        shift = float(max(hit)) + gap - float(low[0])
    return shift


def taken_boxes(context: Any) -> list[Box]:
    """Return the bounds in world space of the view layer's visible solid objects.

    Objects so large that a new one would stand within them are left out.
    """
    context.view_layer.update()
    boxes = []
    for thing in context.view_layer.objects:
        if thing.type not in _SOLID or not thing.visible_get():
            continue
        matrix = np.array(thing.matrix_world)
        corners = np.array(thing.bound_box) @ matrix[:3, :3].T + matrix[:3, 3]
        low, high = corners.min(axis=0), corners.max(axis=0)
        if 0.0 < (high - low).max() <= _SURROUNDINGS:
            boxes.append((low, high))
    return boxes


def show_selected(scene: Any) -> None:
    """Frame the selected objects, which face -Y, in all 3D views of a scene's windows.

    A perspective view from the side or from behind is rotated to the front. Camera views do not
    change. Does nothing in background Blender.
    """
    if bpy.app.background:
        return
    for window, area, region in _views(scene):
        with bpy.context.temp_override(window=window, area=area, region=region):
            _turn_to_front(area.spaces.active.region_3d)
            bpy.ops.view3d.view_selected()


def _turn_to_front(view: Any) -> None:
    if view.view_perspective != "PERSP":
        return
    toward_viewer = view.view_rotation @ Vector((0.0, 0.0, 1.0))
    if -toward_viewer.y < _FRONTAL:
        view.view_rotation = Euler(_FROM_THE_FRONT).to_quaternion()


def _views(scene: Any) -> Iterator[tuple[Any, Any, Any]]:
    for window in bpy.context.window_manager.windows:
        if window.scene != scene:
            continue
        for area in window.screen.areas:
            view = area.spaces.active if area.type == "VIEW_3D" else None
            if view is None or view.region_3d.view_perspective == "CAMERA":
                continue
            region = next((r for r in area.regions if r.type == "WINDOW"), None)
            if region is not None:
                yield window, area, region
