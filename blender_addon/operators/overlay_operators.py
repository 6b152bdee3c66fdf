# SPDX-License-Identifier: GPL-3.0-or-later
"""Dragging the overlay: by its border to move it, by its free corner to resize it.

A gizmo, because gizmos get the mouse before the viewport's own tools do.
"""

from __future__ import annotations

from typing import Any

from bpy.types import Gizmo, GizmoGroup

from ..core.preview import overlay_rect
from ..data.portraits import find_portrait
from ..preview import overlay_layout, sessions

# Modules that load numpy or gpu are imported in functions, so that Blender starts without them.


class HEAT_GT_overlay(Gizmo):
    """Catches the mouse on the borders of all overlays of a viewport."""

    bl_idname = "HEAT_GT_overlay"

    __slots__ = ("drag", "from_point", "from_rect", "from_settings", "uid")

    def setup(self) -> None:
        """Begin with nothing under the mouse."""
        self.uid = ""
        self.drag = ""

    def draw(self, _context: Any) -> None:
        """Draw nothing: the overlay draws its border itself."""

    def test_select(self, context: Any, location: Any) -> int:
        """Return 0 when the mouse is on a border or grip, -1 otherwise."""
        from ..preview import overlay_draw, overlay_layout

        x, y = location[0], location[1]
        for overlay in reversed(overlay_layout.overlays(context)):
            kind = overlay_rect.hit(overlay.rect, overlay.portrait.preview.corner, x, y)
            if kind is not None:
                self.uid, self.drag = overlay.portrait.uid, kind
                _highlight(context, self.uid)
                return 0
        if overlay_draw.highlighted:
            _highlight(context, "")
        return -1

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Begin a drag."""
        for overlay in overlay_layout.overlays(context):
            if overlay.portrait.uid == self.uid:
                self.from_point = (event.mouse_region_x, event.mouse_region_y)
                self.from_rect = (overlay.rect, overlay.visible)
                self.from_settings = overlay_layout.placement_of(overlay.portrait)
                return {"RUNNING_MODAL"}
        return {"CANCELLED"}

    def modal(self, context: Any, event: Any, _tweak: Any) -> set[str]:
        """Follow the mouse."""
        portrait = find_portrait(context.scene, self.uid)
        if portrait is None:
            return {"CANCELLED"}
        dx = event.mouse_region_x - self.from_point[0]
        dy = event.mouse_region_y - self.from_point[1]
        rect, visible = self.from_rect
        change = overlay_rect.resized if self.drag == "resize" else overlay_rect.moved
        overlay_layout.keep_placement(portrait, change(self.from_settings, rect, visible, dx, dy))
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def exit(self, context: Any, cancel: bool) -> None:
        """End the drag; where it was cancelled, put the overlay back."""
        portrait = find_portrait(context.scene, self.uid)
        if cancel and portrait is not None:
            overlay_layout.keep_placement(portrait, self.from_settings)
        context.area.tag_redraw()


class HEAT_GGT_overlay(GizmoGroup):
    """Brings the gizmo into every 3D viewport while a preview runs."""

    bl_idname = "HEAT_GGT_overlay"
    bl_label = "Heat Preview"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"PERSISTENT", "SHOW_MODAL_ALL"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is an overlay to drag."""
        return bool(sessions.sessions()) and getattr(context.scene, "heat", None) is not None

    def setup(self, _context: Any) -> None:
        """Make the one gizmo."""
        gizmo = self.gizmos.new(HEAT_GT_overlay.bl_idname)
        gizmo.use_draw_modal = True
        gizmo.use_tooltip = False


CLASSES = (HEAT_GT_overlay, HEAT_GGT_overlay)


def _highlight(context: Any, uid: str) -> None:
    from ..preview import overlay_draw

    if overlay_draw.highlighted != uid:
        overlay_draw.highlighted = uid
        context.area.tag_redraw()
