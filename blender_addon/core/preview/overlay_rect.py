# SPDX-License-Identifier: GPL-3.0-or-later
"""The rectangle of the preview overlay: placing, hit test, dragging.

All in pixels of the viewport region, origin bottom left. No bpy here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# Pixels: smallest long side, width of the border that moves, side of the square that resizes.
MIN_SIZE = 64
BORDER = 12
GRIP = 22


@dataclass(frozen=True)
class Rect:
    """A rectangle; (x, y) is its lower left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """X of the right edge."""
        return self.x + self.width

    @property
    def top(self) -> float:
        """Y of the upper edge."""
        return self.y + self.height

    def contains(self, x: float, y: float) -> bool:
        """Whether a point lies inside or on the edge."""
        return self.x <= x <= self.right and self.y <= y <= self.top


@dataclass(frozen=True)
class Placement:
    """Corner, size and offset that the user chose.

    Attributes
    ----------
    corner : str
        TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT or BOTTOM_RIGHT of the visible part of the viewport.
    size : int
        Long side on screen, px.
    offset : tuple of 2 ints
        Distance from that corner, across and up or down, px; positive is inward.
    """

    corner: str
    size: int
    offset: tuple[int, int]


def frame_extent(size: float, frame_width: int, frame_height: int) -> tuple[float, float]:
    """Return width and height on screen of a frame whose long side is `size`."""
    if frame_width <= 0 or frame_height <= 0:
        return (float(size), float(size))
    scale = size / max(frame_width, frame_height)
    return (frame_width * scale, frame_height * scale)


def place(placement: Placement, visible: Rect, frame_width: int, frame_height: int) -> Rect:
    """Return the overlay's rectangle, shrunk and moved so that it stays within `visible`.

    Parameters
    ----------
    placement : Placement
        Corner, size and offset.
    visible : Rect
        Part of the region that no header or sidebar covers.
    frame_width, frame_height : int
        Size of the frame, px; only its proportions count.
    """
    width, height = frame_extent(placement.size, frame_width, frame_height)
    shrink = min(1.0, visible.width / width, visible.height / height)
    width, height = width * shrink, height * shrink
    across, along = placement.offset
    left = placement.corner.endswith("LEFT")
    bottom = placement.corner.startswith("BOTTOM")
    x = visible.x + across if left else visible.right - across - width
    y = visible.y + along if bottom else visible.top - along - height
    x = min(max(x, visible.x), visible.right - width)
    y = min(max(y, visible.y), visible.top - height)
    return Rect(round(x), round(y), round(width), round(height))


def grip_point(rect: Rect, corner: str) -> tuple[float, float]:
    """Return the corner of the rectangle that resizes it: the one opposite the anchor."""
    x = rect.right if corner.endswith("LEFT") else rect.x
    y = rect.top if corner.startswith("BOTTOM") else rect.y
    return (x, y)


def hit(rect: Rect, corner: str, x: float, y: float) -> str | None:
    """Return what a press at a point does: "resize", "move" or None (nothing).

    The border moves; the corner opposite the anchor resizes; clicks inside go to the viewport, so
    that a large overlay does not prevent selecting.
    """
    grip_x, grip_y = grip_point(rect, corner)
    if abs(x - grip_x) <= GRIP / 2 and abs(y - grip_y) <= GRIP / 2:
        return "resize"
    outer = Rect(
        rect.x - BORDER / 2, rect.y - BORDER / 2, rect.width + BORDER, rect.height + BORDER
    )
    inner = Rect(
        rect.x + BORDER / 2, rect.y + BORDER / 2, rect.width - BORDER, rect.height - BORDER
    )
    return "move" if outer.contains(x, y) and not inner.contains(x, y) else None


def moved(placement: Placement, rect: Rect, visible: Rect, dx: float, dy: float) -> Placement:
    """Return the placement after dragging `rect` by (dx, dy), anchored to the nearest corner."""
    x = min(max(rect.x + dx, visible.x), max(visible.right - rect.width, visible.x))
    y = min(max(rect.y + dy, visible.y), max(visible.top - rect.height, visible.y))
    to_left, to_right = x - visible.x, visible.right - (x + rect.width)
    to_bottom, to_top = y - visible.y, visible.top - (y + rect.height)
    vertical = "BOTTOM" if to_bottom <= to_top else "TOP"
    horizontal = "LEFT" if to_left <= to_right else "RIGHT"
    offset = (round(min(to_left, to_right)), round(min(to_bottom, to_top)))
    return replace(placement, corner=f"{vertical}_{horizontal}", offset=offset)


def resized(placement: Placement, rect: Rect, visible: Rect, dx: float, dy: float) -> Placement:
    """Return the placement after dragging the grip by (dx, dy); the anchored corner stays."""
    grow_x = dx if placement.corner.endswith("LEFT") else -dx
    grow_y = dy if placement.corner.startswith("BOTTOM") else -dy
    # Proportions are the frame's, so the axis that was dragged further decides.
    factor = max((rect.width + grow_x) / rect.width, (rect.height + grow_y) / rect.height)
    room = min(_room(placement, visible, rect))
    size = min(factor, room) * max(rect.width, rect.height)
    return replace(placement, size=max(MIN_SIZE, round(size)))


def _room(placement: Placement, visible: Rect, rect: Rect) -> tuple[float, float]:
    """Return how many times wider and higher the rectangle may get within `visible`."""
    left = placement.corner.endswith("LEFT")
    bottom = placement.corner.startswith("BOTTOM")
    across = visible.right - rect.x if left else rect.right - visible.x
    along = visible.top - rect.y if bottom else rect.top - visible.y
    return (across / rect.width, along / rect.height)
