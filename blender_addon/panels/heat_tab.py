# SPDX-License-Identifier: GPL-3.0-or-later
"""Base classes of the panels and lists in the 3D viewport's tab *Heat*, and what several draw."""

from __future__ import annotations

from typing import Any

from .. import text_lines
from ..data.portraits import active_portrait


class HeatTabPanel:
    """A panel in the tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Heat"


class PortraitPanel(HeatTabPanel):
    """A panel in the tab that is shown only where the scene has a portrait."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Return whether there is an active portrait."""
        return active_portrait(context.scene) is not None


class RowList:
    """A list whose rows are drawn from their own properties and those of the list's owner."""

    def draw_item(
        self,
        _context: Any,
        layout: Any,
        data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        _index: int = 0,
        _flag: int = 0,
    ) -> None:
        """Draw one row; Blender checks the number of arguments."""
        self.draw_row(layout, data, item)

    def draw_row(self, layout: Any, owner: Any, item: Any) -> None:
        """Draw one row."""
        raise NotImplementedError


def split_labels(layout: Any) -> Any:
    """Let a layout draw labels beside their fields, without keyframe dots; return it."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


def draw_progress(layout: Any, context: Any, job: Any, cancel: str) -> None:
    """Draw how far a running job is, and the button of the operator that cancels it."""
    layout.progress(factor=job.fraction, text=f"{job.fraction:.0%}")
    text_lines.draw(layout, context, job.line())
    layout.operator(cancel, icon="CANCEL")


def draw_outcome(layout: Any, context: Any, job: Any) -> None:
    """Draw how an ended job ended, and its notes."""
    icon = {"done": "CHECKMARK", "failed": "ERROR"}.get(job.state, "INFO")
    text_lines.draw(layout, context, job.line(), icon)
    for note in job.notes:
        text_lines.draw(layout, context, note, "INFO")
