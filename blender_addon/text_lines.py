# SPDX-License-Identifier: GPL-3.0-or-later
"""Wraps sentences into lines for narrow sidebars, where Blender cuts labels off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Pixels at interface scale 1, tuned by eye.
_MARGIN = 72.0  # of a region's width: margins, tabs and icon
_BOX = 34.0  # of a box's margins
_LETTER = 6.6  # mean width of a letter, for background Blender, which has no fonts
_NARROW = 170.0  # below it two buttons side by side are cut off


def break_lines(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Break a text at spaces so that each line fits; a longer word is broken within.

    Parameters
    ----------
    text : str
        Any text.
    width : float
        Room for a line, in the unit of `measure`.
    measure : callable
        Width of a piece of text.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        for piece in _pieces(word, width, measure):
            longer = f"{line} {piece}" if line else piece
            if line and measure(longer) > width:
                lines.append(line)
                line = piece
            else:
                line = longer
    return [*lines, line] if line else lines


def _pieces(word: str, width: float, measure: Callable[[str], float]) -> list[str]:
    pieces = []
    while len(word) > 1 and measure(word) > width:
        cut = len(word) - 1
        while cut > 1 and measure(word[:cut]) > width:
            cut -= 1
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word]


def draw(layout: Any, context: Any, text: str, icon: str = "NONE", *, in_box: bool = False) -> None:
    """Draw a sentence as labels that fit the region, the icon before the first line."""
    draw_wide(layout, context, text, room(context) - (_BOX if in_box else 0.0), icon)


def room(context: Any) -> float:
    """Return how wide a line of text may be in a panel of the region, in pixels at scale 1."""
    region = context.region
    return float((region.width if region else 280) / context.preferences.system.ui_scale - _MARGIN)


def is_narrow(context: Any) -> bool:
    """Return whether the region is so narrow that things side by side would be cut off."""
    return room(context) < _NARROW


def draw_wide(layout: Any, context: Any, text: str, width: float, icon: str = "NONE") -> None:
    """Draw a sentence as labels of a given width, in pixels at scale 1."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(break_lines(text, max(width, 80), _measure(context))):
        if icon == "NONE":
            column.label(text=line)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1")


def _measure(context: Any) -> Callable[[str], float]:
    import bpy

    if bpy.app.background:
        return lambda text: len(text) * _LETTER
    import blf

    points = context.preferences.ui_styles[0].widget.points
    blf.size(0, points)
    return lambda text: float(blf.dimensions(0, text)[0])
