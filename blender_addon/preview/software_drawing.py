# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender on a machine without a graphics card, where the processor draws the viewport.

There, Blender's anti-aliasing nearly doubles the time from a slider to the screen.
"""

from __future__ import annotations

import functools
from typing import Any

import bpy

# What OpenGL and Vulkan drivers that draw in software call themselves.
_NAMES = ("llvmpipe", "lavapipe", "softpipe", "swiftshader", "software", "gdi generic")


def is_software(renderer: str) -> bool:
    """Return whether a driver of that name draws with the processor."""
    return any(name in renderer.lower() for name in _NAMES)


def complaint(context: Any) -> str | None:
    """Return what makes the preview slow here and need not, in a line, or None."""
    if context.preferences.system.viewport_aa == "OFF" or not is_software(renderer()):
        return None
    return "No graphics card draws here: the preview follows faster without anti-aliasing"


def fix(context: Any) -> None:
    """Have viewports drawn without anti-aliasing."""
    context.preferences.system.viewport_aa = "OFF"


@functools.cache
def renderer() -> str:
    """Return the name of the graphics driver; "" in background Blender, which draws nothing."""
    if bpy.app.background:
        return ""
    import gpu

    return str(gpu.platform.renderer_get())
