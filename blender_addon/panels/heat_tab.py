# SPDX-License-Identifier: GPL-3.0-or-later
"""Base classes of the panels in the 3D viewport's tab *Heat*."""

from __future__ import annotations

from typing import Any

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
