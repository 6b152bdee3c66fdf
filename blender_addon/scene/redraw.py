# SPDX-License-Identifier: GPL-3.0-or-later
"""Which regions of Blender's windows are drawn again; the only module that tags regions.

Without a graphics card Blender needs some 100 ms to draw a 3D viewport: one that shows nothing
new must not be drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bpy


def viewports(is_behind: Callable[[int], bool]) -> None:
    """Redraw those viewports for whose region, given by its pointer, `is_behind` is true."""
    for area in _areas("VIEW_3D"):
        for region in area.regions:
            if region.type == "WINDOW" and is_behind(region.as_pointer()):
                region.tag_redraw()


def sidebars() -> None:
    """Redraw the viewports' sidebars, not the viewports themselves."""
    for area in _areas("VIEW_3D"):
        _tag(area, "UI")


def progress() -> None:
    """Redraw what shows the progress of jobs: the viewports' sidebars and the preferences."""
    sidebars()
    for area in _areas("PREFERENCES"):
        area.tag_redraw()


def previews() -> None:
    """Redraw all viewports and image editors: a preview or its settings changed."""
    for area in _areas("VIEW_3D", "IMAGE_EDITOR"):
        area.tag_redraw()


def everything() -> None:
    """Redraw all areas of all windows."""
    for area in _areas():
        area.tag_redraw()


def image(shown: Any) -> None:
    """Redraw what shows an image."""
    for area in _areas("IMAGE_EDITOR"):
        if area.spaces.active.image == shown:
            _tag(area, "WINDOW")
    if is_used_elsewhere(shown):
        for area in _areas("VIEW_3D"):
            _tag(area, "WINDOW")


def is_used_elsewhere(shown: Any) -> bool:
    """Return whether a material, a camera or the like uses a portrait's live image."""
    return int(shown.users) - int(shown.use_fake_user) > 1  # one user is the portrait


def _areas(*kinds: str) -> Iterator[Any]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if not kinds or area.type in kinds:
                yield area


def _tag(area: Any, kind: str) -> None:
    for region in area.regions:
        if region.type == kind and region.width > 1:
            region.tag_redraw()
