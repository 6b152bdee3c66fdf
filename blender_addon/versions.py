# SPDX-License-Identifier: GPL-3.0-or-later
"""Every difference between supported versions of Blender: 4.2 LTS, 4.5 LTS, 5.0 and newer.

No other module checks a version or whether a property exists for that reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy


def path_options() -> set[str]:
    """Return the options of a path property that takes paths relative to the .blend.

    From 4.5 on Blender warns of such paths in properties without the option; before, it does
    not know the option.
    """
    return {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()


def strips_of(scene: Any) -> Any:
    """Return the scene's collection of top-level strips, making its sequencer if need be.

    Called `sequences` up to 4.3, `strips` from 4.4 on.
    """
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips_of(scene: Any) -> Any:
    """Return all strips of a scene that has a sequencer, those within meta strips too."""
    editor = scene.sequence_editor
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def new_image_strip(strips: Any, name: str, first: Path, channel: int, frame: int) -> Any:
    """Add an image strip on its first picture; the others are appended to its elements."""
    return strips.new_image(
        name=name, filepath=str(first), channel=channel, frame_start=frame, fit_method="FIT"
    )


def new_movie_strip(strips: Any, name: str, movie: Path, channel: int, frame: int) -> Any:
    """Add a movie strip."""
    return strips.new_movie(
        name=name, filepath=str(movie), channel=channel, frame_start=frame, fit_method="FIT"
    )


def new_sound_strip(strips: Any, name: str, sound: Path, channel: int, frame: int) -> Any:
    """Add a sound strip."""
    return strips.new_sound(name=name, filepath=str(sound), channel=channel, frame_start=frame)


def strip_span(strip: Any) -> tuple[int, int]:
    """Return the first frame that a strip shows and the first that it does not show any more.

    `frame_final_start` and `frame_final_end` are deprecated from 5.1 on for the handles.
    """
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def set_strip_span(strip: Any, first: int, end: int) -> None:
    """Trim a strip to the frames from `first` up to, but not with, `end`."""
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = first, end
    else:
        strip.frame_final_start, strip.frame_final_end = first, end


def strip_is_trimmed(strip: Any) -> bool:
    """Return whether a strip hides some of its content, or holds a frame beyond it."""
    if hasattr(strip, "left_handle_offset"):
        offsets = ("left_handle_offset", "right_handle_offset", "content_trim_start",
                   "content_trim_end")  # fmt: skip
    else:
        offsets = ("frame_offset_start", "frame_offset_end", "animation_offset_start",
                   "animation_offset_end")  # fmt: skip
    return any(getattr(strip, name, 0) for name in offsets)


def strip_content(strip: Any) -> tuple[float, float]:
    """Return the frame at which a strip's media begins and how many frames all of it takes.

    Both are as if nothing were trimmed away.
    """
    if hasattr(strip, "content_start"):
        start, hidden = strip.content_start, (strip.left_handle_offset, strip.right_handle_offset)
    else:
        start, hidden = strip.frame_start, (strip.frame_offset_start, strip.frame_offset_end)
    first, end = strip_span(strip)
    return float(start), float(end - first + sum(hidden))


def strip_media_frames(strip: Any) -> int:
    """Return how many frames a strip's media has, at its own rate."""
    return int(getattr(strip, "content_duration", 0) or strip.frame_duration)


def show_in_sequencers(scene: Any) -> None:
    """Let workspaces whose sequencer shows no scene show this one.

    From 5.0 on the sequencer's scene is the workspace's; a choice that was made is left alone.
    """
    for workspace in bpy.data.workspaces:
        if hasattr(workspace, "sequencer_scene") and workspace.sequencer_scene is None:
            workspace.sequencer_scene = scene


def actions_have_slots() -> bool:
    """Return whether one action can animate several data-blocks: from 4.4 on."""
    return "slots" in bpy.types.Action.bl_rna.properties


def curves_of(owner: Any) -> list[Any]:
    """Return the f-curves that an action gives to one data-block.

    Parameters
    ----------
    owner : bpy.types.AnimData or bpy.types.NlaStrip
        Has the action, and from 4.4 on the slot of the data-block.
    """
    return [curve for collection in _curve_collections(owner) for curve in collection]


def remove_curve(owner: Any, curve: Any) -> None:
    """Remove one of `curves_of` an owner."""
    for collection in _curve_collections(owner):
        if curve in list(collection):
            collection.remove(curve)
            return


def _curve_collections(owner: Any) -> list[Any]:
    """Return the collections that `curves_of` reads: one for a strip of each layer from 4.4 on."""
    action = owner.action
    if action is None:
        return []
    if not actions_have_slots():
        return [action.fcurves]
    if owner.action_slot is None:
        return []
    bags = (s.channelbag(owner.action_slot) for layer in action.layers for s in layer.strips)
    return [bag.fcurves for bag in bags if bag is not None]


def action_curves(action: Any, id_block: Any, label: str) -> tuple[Any, Any, Any]:
    """Return an action's collections of f-curves and of groups for a data-block.

    Returns
    -------
    curves, groups, slot
        The slot, named by `label` if it must be made, is None before 4.4, where an action serves
        one kind of data-block only.
    """
    if not actions_have_slots():
        return action.fcurves, action.groups, None
    kind = id_block.id_type
    slot = next((s for s in action.slots if s.target_id_type == kind), None)
    slot = slot or action.slots.new(id_type=kind, name=label)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    bag = strip.channelbag(slot, ensure=True)
    return bag.fcurves, bag.groups, slot


def new_nla_strip(track: Any, name: str, first: int, action: Any) -> Any:
    """Add an NLA strip of that name; up to 4.3 Blender names it after its action."""
    strip = track.strips.new(name, first, action)
    strip.name = name
    return strip


def use_slot(owner: Any, slot: Any) -> None:
    """Let an NLA strip take its curves from a slot; nothing to do before 4.4."""
    if slot is not None:
        owner.action_slot = slot


def slot_of(owner: Any) -> Any:
    """Return the slot that an owner of an action uses; None before 4.4."""
    return getattr(owner, "action_slot", None)


def new_shape_key(mesh: Any, name: str) -> Any:
    """Add a shape key at value 0; from 5.0 on Blender adds keys at 1."""
    block = mesh.shape_key_add(name=name, from_mix=False)
    block.value = 0.0
    return block


def new_node_material(name: str) -> Any:
    """Make a material with nodes: from 5.0 on all have them, and `use_nodes` is deprecated."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material


def buffer_view(buffer: Any, count: int) -> Any:
    """Return a float32 array over the memory of a one-dimensional `gpu.types.Buffer`."""
    import numpy as np

    if bpy.app.version < (4, 4, 0):
        buffer.dimensions = count  # else the array comes out with a wrong shape there
    return np.asarray(buffer)
