# SPDX-License-Identifier: GPL-3.0-or-later
"""Which overlays a viewport shows and where: settings and sessions put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.preview.overlay_rect import Placement, Rect, place
from .sessions import Session, session_of

_COVERING = {"HEADER", "TOOL_HEADER", "TOOLS", "UI", "ASSET_SHELF", "ASSET_SHELF_HEADER"}
_NO_FRAME = (4, 5)  # proportions of the placeholder until the first frame


@dataclass(frozen=True)
class Overlay:
    """One overlay of one viewport region."""

    session: Session
    portrait: Any
    rect: Rect
    visible: Rect


def overlays(context: Any) -> list[Overlay]:
    """Return the overlays of the region that is drawn or clicked, lowest first."""
    found = []
    visible = visible_part(context.area, context.region, context.preferences)
    for portrait in context.scene.heat.portraits:
        session = session_of(portrait.uid)
        if session is None or portrait.preview.mode != "OVERLAY":
            continue
        frame = session.shown
        width, height = (frame.width, frame.height) if frame is not None else _NO_FRAME
        rect = place(placement_of(portrait), visible, width, height)
        found.append(Overlay(session, portrait, rect, visible))
    return found


def placement_of(portrait: Any) -> Placement:
    """Return the portrait's settings as a `Placement`."""
    settings = portrait.preview
    return Placement(settings.corner, settings.size, tuple(settings.offset))


def keep_placement(portrait: Any, placement: Placement) -> None:
    """Write a placement into the portrait's settings."""
    settings = portrait.preview
    settings.corner = placement.corner
    settings.size = placement.size
    settings.offset = placement.offset


def visible_part(area: Any, region: Any, preferences: Any) -> Rect:
    """Return the part of a viewport region that no header or sidebar lies over."""
    left, bottom, right, top = 0, 0, region.width, region.height
    if preferences.system.use_region_overlap:
        for other in area.regions:
            if other.type not in _COVERING or other.width <= 1 or other.height <= 1:
                continue
            if other.alignment == "LEFT":
                left = max(left, other.x + other.width - region.x)
            elif other.alignment == "RIGHT":
                right = min(right, other.x - region.x)
            elif other.alignment == "TOP":
                top = min(top, other.y - region.y)
            elif other.alignment == "BOTTOM":
                bottom = max(bottom, other.y + other.height - region.y)
    return Rect(left, bottom, max(right - left, 1), max(top - bottom, 1))
