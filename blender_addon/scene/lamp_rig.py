# SPDX-License-Identifier: GPL-3.0-or-later
"""A lamp of the scene drives the light on the face, by drivers of simple expressions.

The drivers read two empties. The first is in the head along the contract's axes (x to image
right, y up, z to the viewer) and follows the head bone, for the light is relative to the head, as
the photo's own is. Its child copies the lamp's location, or a sun's rotation.
"""

from __future__ import annotations

from math import atan2, degrees, hypot
from typing import Any

import bpy
from mathutils import Matrix, Vector

from .. import bridge
from ..core.rig.head_bone import axes_of
from ..data import property_animation
from .sampling import resolved_facing, rig_source

UID_KEY = "heat_lamp"
YAW, PITCH, AMOUNT = "light_direction_yaw", "light_direction_pitch", "light_amount"
DRIVEN = (YAW, PITCH, AMOUNT)

# Driver expressions. A lamp is at (x, y, z) in the head's axes; a sun with the rotation
# (w, x, y, z) shines along its own -Z from infinity.
_FROM_PLACE = {
    YAW: "degrees(atan2(x, z))",
    PITCH: "-degrees(atan2(y, sqrt(x * x + z * z)))",
}
_FROM_TURN = {
    YAW: "degrees(atan2(x * z + w * y, 0.5 - x * x - y * y))",
    PITCH: "-degrees(asin(clamp(2 * (y * z - w * x), -1, 1)))",
}
_PLACE = {"x": "LOC_X", "y": "LOC_Y", "z": "LOC_Z"}
_TURN = {"w": "ROT_W", "x": "ROT_X", "y": "ROT_Y", "z": "ROT_Z"}


def drive(portrait: Any, lamp: Any, *, amount: bool, here: bool) -> None:
    """Let a lamp drive a portrait's light; older drivers are replaced.

    Parameters
    ----------
    portrait : HeatPortrait
        Its rig gives place and facing of the head.
    lamp : bpy.types.Object
        A light.
    amount : bool
        Whether its energy drives the light's amount; the present energy is the photo's own.
    here : bool
        Whether the lamp's present direction is that of the photo's own light, rather than
        ``photo_light_yaw`` and ``photo_light_pitch``, which start at the face's front.

    Raises
    ------
    BadInput
        There is no lamp, or no rig.
    """
    if lamp is None or lamp.type != "LIGHT":
        raise bridge.errors.BadInput("Pick a lamp of the scene first")
    if portrait.mesh is None and portrait.armature is None:
        raise bridge.errors.BadInput("Pick a face mesh or an armature: it tells where the head is")
    release(portrait)
    portrait.edits.lamp = lamp
    follower = _follower(portrait, lamp, _head_axes(portrait))
    if here:
        _take_as_own(portrait, follower, lamp)
    for name in (YAW, PITCH):
        _drive_angle(portrait, name, follower, lamp)
    if amount and lamp.data.energy > 0.0:
        _drive_amount(portrait, lamp)


def release(portrait: Any) -> None:
    """Remove drivers and empties; the values stay."""
    scene = portrait.id_data
    values = {name: getattr(portrait.edits, name) for name in DRIVEN}
    for name in DRIVEN:
        if property_animation.path_of(portrait.edits, name) in property_animation.driven(scene):
            portrait.edits.driver_remove(name)
            setattr(portrait.edits, name, values[name])
    for thing in [o for o in scene.objects if o.get(UID_KEY) == portrait.uid]:
        bpy.data.objects.remove(thing)


def is_driven(portrait: Any) -> bool:
    """Return whether drivers set the direction of a portrait's light."""
    paths = property_animation.driven(portrait.id_data)
    return property_animation.path_of(portrait.edits, YAW) in paths


def _head_axes(portrait: Any) -> Any:
    """Add the empty in the head, along the contract's axes at rest."""
    source = rig_source(portrait)
    turn = Matrix(axes_of(resolved_facing(source)).tolist()).transposed().to_4x4()
    armature = portrait.armature
    bone = armature.data.bones.get(portrait.head_bone) if armature is not None else None
    empty = _empty(portrait, "Heat Head Axes")
    if bone is not None:
        middle = (bone.head_local + bone.tail_local) / 2.0
        # A child of a bone is relative to the bone's tail.
        tail = bone.matrix_local @ Matrix.Translation((0.0, bone.length, 0.0))
        empty.parent, empty.parent_type, empty.parent_bone = armature, "BONE", bone.name
        empty.matrix_basis = tail.inverted() @ Matrix.Translation(middle) @ turn
        return empty
    empty.parent = portrait.mesh or armature
    corners = [Vector(corner) for corner in empty.parent.bound_box]
    centre = sum(corners, Vector()) / len(corners)
    empty.matrix_basis = Matrix.Translation(centre) @ turn
    return empty


def _follower(portrait: Any, lamp: Any, axes: Any) -> Any:
    """Add the empty that copies the lamp's location, or a sun's rotation, in the head's axes."""
    empty = _empty(portrait, "Heat Lamp Place")
    empty.parent = axes
    kind = "COPY_ROTATION" if lamp.data.type == "SUN" else "COPY_LOCATION"
    empty.constraints.new(kind).target = lamp
    return empty


def _empty(portrait: Any, name: str) -> Any:
    empty = bpy.data.objects.new(name, None)
    empty[UID_KEY] = portrait.uid
    empty.empty_display_size = 0.02
    empty.hide_render = empty.hide_select = True
    portrait.id_data.collection.objects.link(empty)
    return empty


def _drive_angle(portrait: Any, name: str, follower: Any, lamp: Any) -> None:
    driver = portrait.edits.driver_add(name).driver
    is_sun = lamp.data.type == "SUN"
    for letter, kind in (_TURN if is_sun else _PLACE).items():
        variable = driver.variables.new()
        variable.name, variable.type = letter, "TRANSFORMS"
        target = variable.targets[0]
        target.id, target.transform_type = follower, kind
        target.transform_space = "LOCAL_SPACE"
        target.rotation_mode = "QUATERNION"
    driver.expression = _expression(portrait.edits, name, is_sun)


def redirect(edits: Any) -> None:
    """Write the direction of the photo's own light into the drivers' expressions.

    It is a constant there: a driver of a scene that reads a property of the same scene would be a
    dependency cycle.
    """
    data = edits.id_data.animation_data
    paths = {property_animation.path_of(edits, name): name for name in (YAW, PITCH)}
    for curve in data.drivers if data is not None else ():
        if curve.data_path in paths and UID_KEY in _follower_of(curve.driver):
            is_sun = "w" in curve.driver.variables
            curve.driver.expression = _expression(edits, paths[curve.data_path], is_sun)


def _follower_of(driver: Any) -> Any:
    """Return the target of a driver's first variable; an empty dict without one."""
    targets = [target for variable in driver.variables for target in variable.targets]
    return (targets[0].id if targets else None) or {}


def _expression(edits: Any, name: str, is_sun: bool) -> str:
    own = edits.photo_light_yaw if name == YAW else edits.photo_light_pitch
    return f"{(_FROM_TURN if is_sun else _FROM_PLACE)[name]} - {own:.4f}"


def _drive_amount(portrait: Any, lamp: Any) -> None:
    driver = portrait.edits.driver_add(AMOUNT).driver
    variable = driver.variables.new()
    variable.name, variable.type = "energy", "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type, target.id, target.data_path = "LIGHT", lamp.data, "energy"
    driver.expression = f"energy / {lamp.data.energy:.6g} - 1"


def _take_as_own(portrait: Any, follower: Any, lamp: Any) -> None:
    """Set the direction of the photo's own light to the lamp's present direction."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    place, axes = (thing.evaluated_get(graph) for thing in (follower, follower.parent))
    seen = axes.matrix_world.inverted() @ place.matrix_world
    toward = seen.to_3x3().col[2] if lamp.data.type == "SUN" else seen.translation
    yaw, pitch = angles(toward)
    portrait.edits.photo_light_yaw, portrait.edits.photo_light_pitch = yaw, pitch


def angles(toward: Any) -> tuple[float, float]:
    """Return yaw and pitch, degrees, of a direction in the contract's axes."""
    x, y, z = toward
    return degrees(atan2(x, z)), -degrees(atan2(y, hypot(x, z)))
