# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds room for a new object beside those that are there, and shows it in the 3D views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Vector
from numpy.typing import NDArray

# What encloses more than this is a room, a ground or a sky: one stands in it, not beside it.
_SURROUNDINGS = 5.0
_SOLID = {"MESH", "CURVE", "CURVES", "SURFACE", "META", "FONT", "POINTCLOUD", "VOLUME"}
_TOUCH = 1e-4
_FRONTAL = 0.8  # cosine of how far from the front a face still shows both eyes well
_FROM_THE_FRONT = (1.4, 0.0, 0.3)  # a little from above and aside, radians

Box = tuple[NDArray[np.float64], NDArray[np.float64]]


def shift_to_free(wanted: Box, taken: list[Box], gap: float) -> float:
    """Return how far to move a box along X so that it overlaps none of the others.

    Parameters
    ----------
    wanted : pair of (3,) arrays
        Lowest and highest corner, metres.
    taken : list of such pairs
        What is there.
    gap : float
        Room to leave to a neighbour, metres.

    Returns
    -------
    float
        0 where the place is free.
    """
    low, high = wanted
    shift = 0.0
    for _ in range(len(taken)):
        step = np.array([shift, 0.0, 0.0])
        hit = [
            other_high[0]
            for other_low, other_high in taken
            if (low + step < other_high - _TOUCH).all() and (other_low + _TOUCH < high + step).all()
        ]
        if not hit:
            break
        shift = float(max(hit)) + gap - float(low[0])
    return shift


def taken_boxes(context: Any) -> list[Box]:
    """Return the bounds in world space of the view layer's visible solid objects.

    What is so large that one would stand within it is left out.
    """
    context.view_layer.update()
    boxes = []
    for thing in context.view_layer.objects:
        if thing.type not in _SOLID or not thing.visible_get():
            continue
        matrix = np.array(thing.matrix_world)
        corners = np.array(thing.bound_box) @ matrix[:3, :3].T + matrix[:3, 3]
        low, high = corners.min(axis=0), corners.max(axis=0)
        if 0.0 < (high - low).max() <= _SURROUNDINGS:
            boxes.append((low, high))
    return boxes


def show_selected(scene: Any) -> None:
    """Frame the selected objects, which face -Y, in all 3D views of a scene's windows.

    A free view that would show them from the side or from behind is turned to their front.
    Views through a camera stay, and in background Blender nothing happens.
    """
    if bpy.app.background:
        return
    for window, area, region in _views(scene):
        with bpy.context.temp_override(window=window, area=area, region=region):
            _turn_to_front(area.spaces.active.region_3d)
            bpy.ops.view3d.view_selected()


def _turn_to_front(view: Any) -> None:
    if view.view_perspective != "PERSP":
        return
    toward_viewer = view.view_rotation @ Vector((0.0, 0.0, 1.0))
    if -toward_viewer.y < _FRONTAL:
        view.view_rotation = Euler(_FROM_THE_FRONT).to_quaternion()


def _views(scene: Any) -> Iterator[tuple[Any, Any, Any]]:
    for window in bpy.context.window_manager.windows:
        if window.scene != scene:
            continue
        for area in window.screen.areas:
            view = area.spaces.active if area.type == "VIEW_3D" else None
            if view is None or view.region_3d.view_perspective == "CAMERA":
                continue
            region = next((r for r in area.regions if r.type == "WINDOW"), None)
            if region is not None:
                yield window, area, region
