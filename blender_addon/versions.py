# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that differs from one Blender to the next, and nothing else.

Supported: 4.2 LTS, 4.5 LTS, 5.0 and newer.
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


def strip_is_trimmed(strip: Any) -> bool:
    """Return whether a strip hides some of its content, or holds a frame beyond it."""
    if hasattr(strip, "left_handle_offset"):
        offsets = ("left_handle_offset", "right_handle_offset", "content_trim_start",
                   "content_trim_end")  # fmt: skip
    else:
        offsets = ("frame_offset_start", "frame_offset_end", "animation_offset_start",
                   "animation_offset_end")  # fmt: skip
    return any(getattr(strip, name, 0) for name in offsets)


def strip_span(strip: Any) -> tuple[int, int]:
    """Return the first frame that a strip shows and the first that it does not show any more.

    `frame_final_start` and `frame_final_end` are deprecated from 5.1 on for the handles.
    """
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


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


def show_in_sequencers(scene: Any) -> None:
    """Let workspaces whose sequencer shows no scene show this one.

    From 5.0 on the sequencer's scene is the workspace's; a choice that was made is left alone.
    """
    for workspace in bpy.data.workspaces:
        if hasattr(workspace, "sequencer_scene") and workspace.sequencer_scene is None:
            workspace.sequencer_scene = scene


def buffer_view(buffer: Any, count: int) -> Any:
    """Return a float32 array over the memory of a one-dimensional `gpu.types.Buffer`."""
    import numpy as np

    if bpy.app.version < (4, 4, 0):
        buffer.dimensions = count  # else the array comes out with a wrong shape there
    return np.asarray(buffer)


def new_node_material(name: str) -> Any:
    """Make a material with nodes: from 5.0 on all have them, and `use_nodes` is deprecated."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material
