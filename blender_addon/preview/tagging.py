# SPDX-License-Identifier: GPL-3.0-or-later
"""Which regions are drawn again, and no others.

Without a graphics card Blender needs some 100 ms to draw a 3D viewport: one that shows nothing
new must not be drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bpy


def views(is_behind: Callable[[int], bool]) -> None:
    """Have those viewports drawn again whose region, given by its pointer, is behind."""
    for area in _areas("VIEW_3D"):
        for region in area.regions:
            if region.type == "WINDOW" and is_behind(region.as_pointer()):
                region.tag_redraw()


def panels() -> None:
    """Have the viewports' sidebars drawn again, not the viewports themselves."""
    for area in _areas("VIEW_3D"):
        _tag(area, "UI")


def everything() -> None:
    """Have all viewports and image editors drawn again: a preview or its settings changed."""
    for kind in ("VIEW_3D", "IMAGE_EDITOR"):
        for area in _areas(kind):
            area.tag_redraw()


def image(shown: Any) -> None:
    """Have what shows an image drawn again."""
    for area in _areas("IMAGE_EDITOR"):
        if area.spaces.active.image == shown:
            _tag(area, "WINDOW")
    if is_used_elsewhere(shown):
        for area in _areas("VIEW_3D"):
            _tag(area, "WINDOW")


def is_used_elsewhere(shown: Any) -> bool:
    """Return whether a material, a camera or the like uses a portrait's live image."""
    return int(shown.users) - int(shown.use_fake_user) > 1  # one user is the portrait


def _areas(kind: str) -> Iterator[Any]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == kind:
                yield area


def _tag(area: Any, kind: str) -> None:
    for region in area.regions:
        if region.type == kind and region.width > 1:
            region.tag_redraw()
