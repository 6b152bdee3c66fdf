# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of portraits."""

from __future__ import annotations

from typing import Any

from bpy.types import UIList


class HEAT_UL_portraits(UIList):
    """One line a portrait: its name, and a sign for a live preview or a missing photo."""

    def draw_item(
        self,
        _context: Any,
        layout: Any,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
        _index: int = 0,
        _flag: int = 0,
    ) -> None:
        """Draw one portrait."""
        from ..data import photo_source
        from ..preview import sessions

        wrong = photo_source.complaint(item)
        layout.prop(item, "name", text="", emboss=False, icon="ERROR" if wrong else "USER")
        if sessions.session_of(item.uid) is not None:
            layout.label(text="", icon="RADIOBUT_ON")


CLASSES = (HEAT_UL_portraits,)
