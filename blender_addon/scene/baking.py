# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes motion onto a portrait's rig: collects what the plan needs, and writes the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import bridge
from ..core.motion import shaping
from ..core.motion.bake_plan import BakeOrder, BakePlan, EditFacts, FaceFacts, HeadFacts
from ..core.rig.head_bone import axes_of
from ..data import edit_values, property_animation, rig_maps
from . import action_layers, sampling
from .action_layers import Layer
from .motion_source import MotionSource
from .sampling import rig_source


@dataclass(frozen=True)
class Baked:
    """Result of a bake: frames covered, curves and keys written, notes for the user."""

    first: int
    frames: int
    curves: int
    keys: int
    notes: tuple[str, ...]

    def line(self) -> str:
        """Return a sentence for the user."""
        last = self.first + self.frames - 1
        return f"Baked frames {self.first}-{last}: {self.curves} curves, {self.keys} keys"


def complaint(portrait: Any) -> str | None:
    """Return a line on why nothing can be baked onto a portrait's rig, or None."""
    if portrait.mesh is None and portrait.armature is None:
        return "Pick a face mesh or an armature"
    if not portrait.key_rows and not portrait.bone_rows:
        return "The rig map has no rows yet: use Auto-Map"
    return None


def order_for(portrait: Any, source: MotionSource, clip_begin: float) -> BakeOrder:
    """Collect everything that planning a bake needs.

    Parameters
    ----------
    portrait : HeatPortrait
        Its rig, rig map and motion settings are read.
    source : MotionSource
        The motion and its timing.
    clip_begin : float
        Seconds of the media before the clip's first frame.

    Raises
    ------
    BadInput
        Nothing can be baked onto the rig; the message says why.
    """
    wrong = complaint(portrait)
    if wrong:
        raise bridge.errors.BadInput(wrong)
    settings = portrait.motion
    taken = frozenset(name for name in shaping.REGIONS if getattr(settings, f"take_{name}"))
    targets, _ = _targets(portrait, source.identity)
    has_head = "head" in targets and shaping.HEAD in taken and not settings.only.strip()
    return BakeOrder(
        rig_map=rig_maps.to_rig_map(portrait),
        face=face_facts(targets["face"]) if "face" in targets else None,
        head=_head_facts(portrait) if has_head else None,
        wanted=shaping.expression_mask(taken, settings.only),
        use_shift=settings.use_shift,
        tolerance=settings.tolerance,
        timing=shaping.Timing(
            first=_first_frame(targets, source),
            seconds_per_frame=source.seconds_per_frame,
            begin=max(0.0, source.begin - clip_begin),
            frames=source.frames,
        ),
        shaping=shaping.Shaping(
            {region: getattr(settings, f"gain_{region}") for region in shaping.REGIONS},
            settings.smooth,
            settings.mirror,
        ),
        edits=_edit_facts(portrait) if settings.take_edits and not settings.only.strip() else None,
    )


def write(portrait: Any, source: MotionSource, plan: BakePlan) -> Baked:
    """Write a plan; it replaces an older bake of the same source in place.

    Raises
    ------
    BadInput
        Nothing can be written, and nothing was changed; the message says why.
    """
    targets, notes = _targets(portrait, source.identity)
    planned = {"face": ("Face", plan.face), "head": ("Head", plan.head)}
    layers = [Layer(id_block, *planned[kind]) for kind, id_block in targets.items()]
    notes += plan.notes
    notes += action_layers.write(layers, source.name, source.identity, plan.first, plan.frames)
    notes += _write_edits(portrait, source, plan)
    written = [*plan.edits, *(curve for layer in layers for curve in layer.curves)]
    keys = sum(len(curve.keys) for curve in written)
    return Baked(plan.first, plan.frames, len(written), keys, tuple(notes))


def _write_edits(portrait: Any, source: MotionSource, plan: BakePlan) -> list[str]:
    """Bake edits onto the scene, which owns the properties of all its portraits."""
    scene, identity = portrait.id_data, f"{source.identity} {portrait.uid}"
    if not plan.edits and not action_layers.own_strips(scene, identity):
        return []
    wrong = action_layers.complaint(scene, scene.name, identity)
    if wrong:
        return [wrong]
    layer = Layer(scene, "Edits", plan.edits)
    name = f"{source.name}: {portrait.name}"
    return action_layers.write([layer], name, identity, plan.first, plan.frames)


def _edit_facts(portrait: Any) -> EditFacts:
    places = {n: edit_values.place(portrait, n) for n in edit_values.names_of(portrait)}
    paths = {name: property_animation.path_of(*place) for name, place in places.items()}
    return EditFacts(paths, property_animation.driven(portrait.id_data))


def _targets(portrait: Any, identity: str) -> tuple[dict[str, Any], list[str]]:
    """Return the data-blocks to bake onto, and notes on those left out.

    Raises
    ------
    BadInput
        None can be baked onto.
    """
    found: dict[str, Any] = {}
    keys = rig_maps.shape_keys(portrait.mesh)
    if keys is not None:
        found["face"] = keys
    if _head_bone(portrait) is not None:
        found["head"] = portrait.armature
    if not found:
        problems = sampling.problems(rig_source(portrait))
        raise bridge.errors.BadInput(problems[0] if problems else "The rig has no shape keys")
    notes = []
    for kind, id_block in list(found.items()):
        owner = portrait.mesh if kind == "face" else portrait.armature
        wrong = action_layers.complaint(id_block, owner.name, identity)
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
    """Return the first frame of the bake: a file's older bake keeps its place, moved or not."""
    if not source.strip:
        for id_block in targets.values():
            for _, strip in action_layers.own_strips(id_block, source.identity):
                return round(strip.frame_start)
    return source.first


def face_facts(keys: Any) -> FaceFacts:
    """Return the data paths of a mesh's keys, and the limits of those that may be set."""
    blocks = [block for block in keys.key_blocks if block != keys.reference_key]
    paths = {block.name: str(block.path_from_id("value")) for block in blocks}
    driven = property_animation.driven(keys)
    limits = {
        block.name: (block.slider_min, block.slider_max)
        for block in blocks
        if not block.mute and paths[block.name] not in driven
    }
    return FaceFacts(paths, limits)


def _head_facts(portrait: Any) -> HeadFacts:
    bone, source = _head_bone(portrait), rig_source(portrait)
    return HeadFacts(
        name=bone.name,
        path=bone.path_from_id(),
        rest=np.array(bone.bone.matrix_local),
        axes=axes_of(sampling.resolved_facing(source)),
        rotation_mode=bone.rotation_mode,
        eye_distance=sampling.armature_eye_distance(source),
        connected=bool(bone.bone.use_connect),
        driven=property_animation.driven(portrait.armature),
    )
