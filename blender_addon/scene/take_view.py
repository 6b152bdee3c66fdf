# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a portrait's take stands in the sequencer, and whether the scene has its shape."""

from __future__ import annotations

from typing import Any

import bpy

from .. import bridge, versions
from .take_strip import UID_KEY

# Two shapes are the same when one fills the other but for about a pixel in a thousand.
_SAME_SHAPE = 2e-3


def strips_of(scene: Any, uid: str) -> list[Any]:
    """Return the portrait's strips in a scene's sequencer, the topmost first."""
    if scene.sequence_editor is None:
        return []
    mine = [strip for strip in versions.all_strips_of(scene) if strip.get(UID_KEY, "") == uid]
    return sorted(mine, key=lambda strip: -strip.channel)


def place_line(scene: Any, uid: str) -> str | None:
    """Return where the portrait's topmost strip is, in words, or None when there is none."""
    mine = strips_of(scene, uid)
    if not mine:
        return None
    first, end = versions.strip_span(mine[0])
    return f"In the Video Sequencer: channel {mine[0].channel}, frames {first}-{end - 1}"


def picture_size(scene: Any, uid: str) -> tuple[int, int] | None:
    """Return width and height in px of the portrait's rendered frames, or None before a take."""
    for strip in strips_of(scene, uid):
        elements = getattr(strip, "elements", None)
        if elements and elements[0].orig_width > 0 and elements[0].orig_height > 0:
            return int(elements[0].orig_width), int(elements[0].orig_height)
    return None


def complaint(scene: Any, uid: str) -> str | None:
    """Return that the scene's renders have another shape than the frames, or None."""
    size = picture_size(scene, uid)
    if size is None:
        return None
    render = scene.render
    wide = render.resolution_x * render.pixel_aspect_x
    tall = render.resolution_y * render.pixel_aspect_y
    if abs(wide * size[1] / (tall * size[0]) - 1.0) < _SAME_SHAPE:
        return None
    return (
        f"The scene renders {render.resolution_x} x {render.resolution_y}, the photo's frames "
        f"are {size[0]} x {size[1]}: renders get bars beside them"
    )


def match_resolution(scene: Any, uid: str) -> tuple[int, int]:
    """Give the scene the size of the portrait's frames; its strips keep filling the picture.

    Returns
    -------
    width, height : int
        The new resolution, px.

    Raises
    ------
    BadInput
        Nothing has been rendered yet.
    """
    size = picture_size(scene, uid)
    if size is None:
        raise bridge.errors.BadInput(
            "Render to the sequencer first: then the frames' size is known"
        )
    render = scene.render
    before = (render.resolution_x, render.resolution_y)
    render.resolution_x, render.resolution_y = size
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    for strip in strips_of(scene, uid):
        # A strip was scaled to fit the old resolution when it was added.
        change = _fit(size, size) / _fit(before, size)
        strip.transform.scale_x *= change
        strip.transform.scale_y *= change
    return size


def open_sequencer(context: Any) -> None:
    """Show a Video Sequencer: the one there is, or a window of its own. Needs a window."""
    window = context.window
    if not _has_sequencer(window.screen):
        for workspace in bpy.data.workspaces:
            if any(_has_sequencer(screen) for screen in workspace.screens):
                window.workspace = workspace
                break
        else:
            bpy.ops.wm.window_new()
            window = context.window_manager.windows[-1]
            area = max(window.screen.areas, key=lambda one: one.width * one.height)
            area.type = "SEQUENCE_EDITOR"
            area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    versions.show_in_sequencers(context.scene)
    bpy.app.timers.register(_show_all_strips, first_interval=0.2)


def _show_all_strips() -> None:
    """Bring the strips into view, once Blender has laid out the editor."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            region = next((r for r in area.regions if r.type == "WINDOW"), None)
            if area.type != "SEQUENCE_EDITOR" or region is None:
                continue
            with bpy.context.temp_override(window=window, area=area, region=region):
                if bpy.ops.sequencer.view_all.poll():
                    bpy.ops.sequencer.view_all()


def _has_sequencer(screen: Any) -> bool:
    return any(area.type == "SEQUENCE_EDITOR" for area in screen.areas)


def _fit(canvas: tuple[int, int], picture: tuple[int, int]) -> float:
    return min(canvas[0] / picture[0], canvas[1] / picture[1])
