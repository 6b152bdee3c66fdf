# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes baked f-curves as NLA strips of their own; other actions and strips stay unchanged.

One action holds the curves of mesh and armature in two slots where actions have slots; otherwise
each has an action of its own. A custom property of the action identifies the source of the bake.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import versions
from ..core.motion.bake_plan import Curve

SOURCE_KEY = "heat_motion"
REST = "Heat Rest"
# Values of Keyframe.interpolation and handle types in Blender's RNA, for foreach_set.
_BEZIER, _FREE, _ALIGNED = 2, 0, 3
# Properties of the NLA strip that a user may have set; a new bake keeps them.
_LOOK = ("blend_type", "extrapolation", "influence", "mute", "use_auto_blend", "blend_in",
         "blend_out")  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """The f-curves of one data-block; without curves an older bake is removed."""

    id_block: Any
    label: str
    curves: tuple[Curve, ...]


def own_strips(id_block: Any, identity: str) -> list[tuple[Any, Any]]:
    """Return (track, strip) of the bake from a source, at most one.

    A second strip of the same action is a copy made by the user and is left alone.
    """
    data = id_block.animation_data
    if data is None:
        return []
    found = [
        (track, strip)
        for track in data.nla_tracks
        for strip in track.strips
        if strip.action is not None and strip.action.get(SOURCE_KEY) == identity
    ]
    return found[:1]


def complaint(id_block: Any, owner: str, identity: str) -> str | None:
    """Return a line on why a data-block of the object `owner` cannot be baked onto, or None."""
    if not id_block.is_editable:
        if id_block.id_type == "KEY":
            return (
                f'The shape keys of "{owner}" are linked from another file: override its mesh '
                "data too (in the Outliner), or use Object > Relations > Make Local"
            )
        return f'"{owner}" is linked from another file: use Object > Library Override > Make first'
    data = id_block.animation_data
    if data is not None and data.use_tweak_mode:
        return f'A strip of "{owner}" is being edited: leave its tweak mode (Tab) first'
    for track, strip in own_strips(id_block, identity):
        if track.lock:
            return f'The NLA track "{track.name}" is locked: unlock it in the NLA editor'
        if not strip.action.is_editable:
            return f'The action "{strip.action.name}" is linked: make it local first'
        if any(curve.lock for curve in versions.curves_of(strip)):
            return f'The action "{strip.action.name}" has locked curves: unlock them first'
    return None


def write(layers: Sequence[Layer], name: str, identity: str, first: int, frames: int) -> list[str]:
    """Write each layer as one NLA strip; an older strip of the same source is replaced.

    Parameters
    ----------
    layers : sequence of Layer
        Of data-blocks without a `complaint`.
    name, identity : str
        Name and identity of the source.
    first, frames : int
        Scene frames that the strips cover.

    Returns
    -------
    list of str
        Notes for the user.
    """
    notes: list[str] = []
    old = [strip.action for layer in layers for _, strip in own_strips(layer.id_block, identity)]
    action = _action_for(old, name) if versions.actions_have_slots() else None
    written = []
    for layer in layers:
        own = own_strips(layer.id_block, identity)
        if layer.curves:
            older = [strip.action for _, strip in own]
            mine = action or _action_for(older, f"{name} {layer.label}")
            mine[SOURCE_KEY] = identity
            written.append(mine)
            title = own[0][1].name if own else name
            notes += _write_layer(layer, mine, title, (first, frames))
        else:
            _remove(layer.id_block, own)
    _release({one for one in old if one not in written})
    return notes


def _release(actions: set[Any]) -> None:
    """Remove unused actions; those that copied strips still use become the user's."""
    for action in actions:
        if action.users == 0:
            bpy.data.actions.remove(action)
        elif SOURCE_KEY in action:
            del action[SOURCE_KEY]


def _action_for(old: list[Any], name: str) -> Any:
    """Return the older bake's action if nothing else uses it, or a new one."""
    for action in old:
        if action.users - int(action.use_fake_user) <= old.count(action):
            return action
    return bpy.data.actions.new(name)


def _write_layer(layer: Layer, action: Any, title: str, span: tuple[int, int]) -> list[str]:
    first, frames = span
    own = own_strips(layer.id_block, action[SOURCE_KEY])
    data = layer.id_block.animation_data or layer.id_block.animation_data_create()
    notes = []
    if not data.use_nla:
        data.use_nla = True
    if not own:
        notes += _push_down(data, {curve.channel for curve in layer.curves})
    _hold_rest(layer, [strip for _, strip in own], first)
    look = {field: getattr(own[0][1], field) for field in _LOOK} if own else {}
    track = own[0][0] if own else None
    for own_track, strip in own:
        own_track.strips.remove(strip)
    curves, groups, slot = versions.action_curves(action, layer.id_block, layer.label)
    for collection in (curves, groups):
        for thing in list(collection):
            collection.remove(thing)
    for curve in layer.curves:
        _write_curve(curves, groups, curve, first)
    strip = _place(data, track, title, action, first)
    versions.use_slot(strip, slot)
    strip.extrapolation = "NOTHING"  # beyond the motion, other layers show
    for field, value in look.items():
        setattr(strip, field, value)
    _set_range(strip, first, first + max(frames - 1, 1))
    _drop_empty(data, [own_track for own_track, _ in own])
    if any(other.is_solo for other in data.nla_tracks):
        notes.append(f'An NLA track of "{layer.id_block.name}" plays solo: the bake does not show')
    return notes


def _place(data: Any, track: Any, title: str, action: Any, first: int) -> Any:
    if track is not None:
        try:
            return versions.new_nla_strip(track, title, first, action)
        except RuntimeError:  # it would overlap the next strip of its track
            pass
    fresh = data.nla_tracks.new()
    fresh.name = title
    return versions.new_nla_strip(fresh, title, first, action)


def _set_range(strip: Any, start: float, end: float) -> None:
    """Let a strip play an action's frames at the same scene frames."""
    strip.use_sync_length = False
    # The end first: a strip made before its slot was set has a range of one frame.
    strip.action_frame_end = end
    strip.action_frame_start = start
    strip.scale = 1.0
    strip.frame_start = start


def _write_curve(curves: Any, groups: Any, curve: Curve, first: int) -> None:
    keys, column = curve.keys, curve.column
    made = curves.new(curve.path, index=curve.index)
    if curve.group:
        group = next((one for one in groups if one.name == curve.group), None)
        made.group = group or groups.new(curve.group)
    at, value = keys.at + float(first), keys.value[:, column]
    # Handles at a third of the interval make the Bezier equal to the fitted cubic.
    third = np.diff(at, prepend=at[0] - 1.0) / 3.0, np.diff(at, append=at[-1] + 1.0) / 3.0
    left = np.stack([at - third[0], value - third[0] * keys.slope_in[:, column]], axis=1)
    right = np.stack([at + third[1], value + third[1] * keys.slope_out[:, column]], axis=1)
    corner = np.abs(keys.slope_in[:, column] - keys.slope_out[:, column]) > 1e-9
    kind = np.where(corner, _FREE, _ALIGNED).astype(np.int32)
    points = made.keyframe_points
    points.add(len(keys))
    points.foreach_set("co", np.stack([at, value], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(keys), _BEZIER, np.int32))
    points.foreach_set("handle_left_type", kind)
    points.foreach_set("handle_right_type", kind)
    points.foreach_set("handle_left", left.astype(np.float32).ravel())
    points.foreach_set("handle_right", right.astype(np.float32).ravel())
    made.update()


def _push_down(data: Any, channels: set[tuple[str, int]]) -> list[str]:
    """Push an active action that would override the bake down to an NLA strip below it."""
    keyed = {(curve.data_path, curve.array_index) for curve in versions.curves_of(data)}
    if not keyed & channels:
        return []
    action, slot = data.action, versions.slot_of(data)
    start, end = (float(frame) for frame in action.frame_range)
    track = data.nla_tracks.new()
    track.name = action.name
    strip = versions.new_nla_strip(track, action.name, math.floor(start), action)
    versions.use_slot(strip, slot)
    _set_range(strip, start, max(end, start + 1.0))
    strip.blend_type = data.action_blend_type
    strip.extrapolation = data.action_extrapolation
    strip.influence = data.action_influence
    data.action = None
    return [f'"{action.name}" went down to an NLA strip below the bake']


def _hold_rest(layer: Layer, own: list[Any], first: int) -> None:
    """Key the values set by hand in a lowest NLA strip, for the frames outside the bake.

    Without it a property that only the bake animates falls back to Blender's default there, which
    from 5.0 on is 1 for a shape key.
    """
    data = layer.id_block.animation_data
    others = [strip for track in data.nla_tracks for strip in track.strips if strip not in own]
    animated = {
        (curve.data_path, curve.array_index)
        for owner in (data, *others)
        for curve in versions.curves_of(owner)
    }
    missing = [curve for curve in layer.curves if curve.channel not in animated]
    if not missing:
        return
    values = [_value(layer.id_block, curve) for curve in missing]
    strip = next((s for s in others if s.action and s.action.get(SOURCE_KEY) == REST), None)
    action = strip.action if strip is not None else bpy.data.actions.new(REST)
    action[SOURCE_KEY] = REST
    curves, _, slot = versions.action_curves(action, layer.id_block, layer.label)
    for curve, value in zip(missing, values, strict=True):
        made = curves.new(curve.path, index=curve.index)
        made.keyframe_points.insert(first, value)
    if strip is None:
        track = data.nla_tracks.new()
        track.name = REST
        strip = versions.new_nla_strip(track, REST, first, action)
        versions.use_slot(strip, slot)
        strip.extrapolation = "HOLD"


def _value(id_block: Any, curve: Curve) -> float:
    value = id_block.path_resolve(curve.path)
    return float(value if isinstance(value, (int, float)) else value[curve.index])


def _remove(id_block: Any, own: list[tuple[Any, Any]]) -> None:
    for track, strip in own:
        track.strips.remove(strip)
    if own:
        _drop_empty(id_block.animation_data, [track for track, _ in own])


def _drop_empty(data: Any, tracks: list[Any]) -> None:
    for track in tracks:
        if not len(track.strips):
            data.nla_tracks.remove(track)
