# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes a clip onto a portrait's rig: the whole way from coefficients to keyframes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import bridge
from ..mapping import map_rows
from ..portrait.rig_source import rig_source
from ..rig import bone_motion, map_inverse, sampling
from ..rig.facing import axes_of
from . import action_layers, key_reduction, regions, shaping
from .action_layers import Curve, Layer
from .motion_source import MotionSource

_ROTATION_PATHS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


@dataclass(frozen=True)
class Baked:
    """What a bake came to: frames covered, curves and keys written, and what to tell."""

    first: int
    frames: int
    curves: int
    keys: int
    notes: tuple[str, ...]

    def line(self, name: str) -> str:
        """Return it in a sentence."""
        return (
            f'"{name}" on frames {self.first}-{self.first + self.frames - 1}: '
            f"{self.curves} curves, {self.keys} keys"
        )


def complaint(portrait: Any) -> str | None:
    """Return why nothing can be baked onto a portrait's rig now, in a line, or None."""
    if portrait.mesh is None and portrait.armature is None:
        return "Pick a face mesh or an armature"
    if not portrait.key_rows and not portrait.bone_rows:
        return "The rig map has no rows yet: use Auto-Map"
    return None


def bake(
    portrait: Any,
    source: MotionSource,
    clip: bridge.motion_clip.MotionClip,
    clip_begin: float = 0.0,
) -> Baked:
    """Bake a clip; an older bake of the same source is replaced where it lies.

    Parameters
    ----------
    portrait : HeatPortrait
        Its rig, rig map and motion settings are used.
    source : MotionSource
        Where the motion comes from and where it lies in time.
    clip : MotionClip
        The motion itself.
    clip_begin : float
        Seconds of the media before the clip's first frame.

    Raises
    ------
    BadInput
        Nothing could be baked; the message says why. Nothing has been changed then.
    """
    wrong = complaint(portrait)
    if wrong:
        raise bridge.errors.BadInput(wrong)
    settings = portrait.motion
    targets, notes = _targets(portrait, source.identity)
    timing = shaping.Timing(
        first=_first_frame(targets, source),
        seconds_per_frame=source.seconds_per_frame,
        begin=max(0.0, source.begin - clip_begin),
        frames=source.frames,
    )
    motion = shaping.shaped(clip, timing, _shaping(settings))
    layers = []
    for kind, id_block in targets.items():
        make = _face_curves if kind == "face" else _head_curves
        curves, told = make(portrait, motion)
        notes += told
        layers.append(Layer(id_block, "Face" if kind == "face" else "Head", curves))
    if not any(layer.curves for layer in layers):
        reason = notes[0] if notes else "the motion is still in all that is chosen"
        raise bridge.errors.BadInput(f"Nothing to bake: {reason}")
    notes += action_layers.write(layers, source.name, source.identity, motion.first, len(motion))
    written = [curve for layer in layers for curve in layer.curves]
    keys = sum(len(curve.keys) for curve in written)
    return Baked(motion.first, len(motion), len(written), keys, tuple(notes))


def _targets(portrait: Any, identity: str) -> tuple[dict[str, Any], list[str]]:
    """Return the data-blocks to bake onto, and why another is left out.

    Raises
    ------
    BadInput
        None can be baked onto.
    """
    found: dict[str, Any] = {}
    keys = sampling.shape_keys(portrait.mesh)
    if keys is not None:
        found["face"] = keys
    if _head_bone(portrait) is not None:
        found["head"] = portrait.armature
    if not found:
        told = sampling.problems(rig_source(portrait))
        raise bridge.errors.BadInput(told[0] if told else "The rig has no shape keys")
    notes = []
    for kind, id_block in list(found.items()):
        wrong = action_layers.complaint(id_block, identity)
        if wrong:
            notes.append(wrong)
            del found[kind]
    if not found:
        raise bridge.errors.BadInput(notes[0])
    return found, notes


def _head_bone(portrait: Any) -> Any:
    armature = portrait.armature
    if armature is None or armature.type != "ARMATURE" or armature.pose is None:
        return None
    return armature.pose.bones.get(portrait.head_bone)


def _first_frame(targets: dict[str, Any], source: MotionSource) -> int:
    """Return where the bake begins: a file's older bake keeps its place, moved or not."""
    if not source.strip:
        for id_block in targets.values():
            for _, strip in action_layers.own_strips(id_block, source.identity):
                return round(strip.frame_start)
    return source.first


def _shaping(settings: Any) -> shaping.Shaping:
    gains = {region: getattr(settings, f"gain_{region}") for region in regions.REGIONS}
    return shaping.Shaping(gains, settings.smooth, settings.mirror)


def _face_curves(portrait: Any, motion: shaping.Motion) -> tuple[tuple[Curve, ...], list[str]]:
    settings, keys = portrait.motion, sampling.shape_keys(portrait.mesh)
    taken = frozenset(name for name in regions.REGIONS if getattr(settings, f"take_{name}"))
    wanted = regions.chosen(taken, settings.only)
    blocks = {b.name: b for b in keys.key_blocks if b != keys.reference_key}
    driven = _driven(keys)
    usable = {name: b for name, b in blocks.items() if not b.mute and _path(b) not in driven}
    rig_map = map_rows.to_rig_map(portrait)
    found = map_inverse.inverse_keys(
        rig_map,
        motion.expression,
        wanted,
        {name: (b.slider_min, b.slider_max) for name, b in usable.items()},
        frozenset(blocks),
    )
    curves = []
    for name, values in found.values.items():
        kept = key_reduction.reduced(values[:, None], settings.tolerance / found.gain[name])
        curves.append(Curve(_path(blocks[name]), 0, "", kept))
    return tuple(curves), _face_notes(found, blocks, usable, rig_map)


def _face_notes(found: Any, blocks: Any, usable: Any, rig_map: Any) -> list[str]:
    notes = []
    if found.left_out:
        notes.append(f"No shape key serves {regions.short_list(found.left_out)}: left out")
    if found.short:
        notes.append(
            f"Shape keys reach their limits or share expressions: "
            f"{regions.short_list(found.short)} fall short"
        )
    mapped = {row.shape_key for row in rig_map.keys if row.expression and not row.mute}
    idle = tuple(name for name in blocks if name in mapped and name not in usable)
    if idle:
        notes.append(f"Muted or driven shape keys are left alone: {regions.short_list(idle)}")
    return notes


def _path(block: Any) -> str:
    return str(block.path_from_id("value"))


def _driven(id_block: Any) -> set[str]:
    data = id_block.animation_data
    return set() if data is None else {curve.data_path for curve in data.drivers}


def _head_curves(portrait: Any, motion: shaping.Motion) -> tuple[tuple[Curve, ...], list[str]]:
    settings, bone, source = portrait.motion, _head_bone(portrait), rig_source(portrait)
    if not settings.take_head or settings.only.strip():
        return (), []
    notes = []
    shift = motion.translation if settings.use_shift else None
    if shift is not None and bone.bone.use_connect:
        notes.append(f'"{bone.name}" is connected to its parent: it cannot shift')
        shift = None
    rows = map_rows.to_rig_map(portrait).bones
    found = map_inverse.inverse_pose(rows, motion.rotation, shift)
    if found.left_out:
        missing = regions.short_list(found.left_out)
        notes.append(f"No head bone row serves {missing}: left out")
    axes = axes_of(sampling.resolved_facing(source))
    rest = bone.bone.matrix_local
    curves: list[Curve] = []
    if found.rotation is not None:
        turns = bone_motion.bone_turns(found.rotation, rest, axes)
        curves += _rotation_curves(bone, turns, settings.tolerance)
    if found.translation is not None:
        size = sampling.armature_eye_distance(source)
        table = bone_motion.bone_shifts(found.translation, rest, axes, size)
        curves += _curves(bone, "location", table, settings.tolerance * size)
    driven = _driven(portrait.armature)
    if any(curve.path in driven for curve in curves):
        notes.append(f'"{bone.name}" has drivers: the head is left alone')
        return (), notes
    return tuple(curves), notes


def _rotation_curves(bone: Any, turns: Any, tolerance: float) -> list[Curve]:
    """Return the curves of a bone's rotation, in the mode that the bone is set to."""
    mode = bone.rotation_mode
    table = bone_motion.quaternions(turns)
    if mode not in _ROTATION_PATHS:
        table = bone_motion.euler_angles(turns, mode)
        return _curves(bone, "rotation_euler", table, tolerance)
    if mode == "AXIS_ANGLE":
        table = bone_motion.axis_angles(table)
        return _curves(bone, _ROTATION_PATHS[mode], table, tolerance)
    # A quaternion changes by half the angle.
    return _curves(bone, _ROTATION_PATHS[mode], table, tolerance / 2.0)


def _curves(bone: Any, field: str, table: Any, tolerance: float) -> list[Curve]:
    keys = key_reduction.reduced(np.asarray(table, float), tolerance)
    path = bone.path_from_id(field)
    return [Curve(path, i, bone.name, keys, i) for i in range(table.shape[1])]


def push_undo() -> None:
    """Let undo step over a bake that no operator of the user's wraps."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message="Heat: Bake Motion")
