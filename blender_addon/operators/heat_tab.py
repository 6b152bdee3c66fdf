# SPDX-License-Identifier: GPL-3.0-or-later
"""What every panel and every operator of the tab *Heat* has in common."""

from typing import Any

import bpy
from bpy.props import StringProperty

from . import operator_helpers


class InHeatTab:
    """A panel in the 3D viewport's tab *Heat*."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Heat"


class OfPortrait(InHeatTab):
    """A panel in the tab that is there only with a portrait."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only with a portrait."""
        return operator_helpers.active_portrait(context.scene) is not None


class OnPortrait:
    """An operator on a portrait: the one that it is told by name, or else the active one."""

    portrait: StringProperty(  # type: ignore[valid-type]
        name="Portrait", description="Name; empty for the active one"
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a portrait, and nothing stands against it."""
        reason = operator_helpers.no_portrait(context)
        # Without a window the portrait may be another than the active one, which execute checks.
        if reason is None and not bpy.app.background:
            portrait = operator_helpers.active_portrait(context.scene)
            reason = cls.reason_against(context.scene, portrait)
        return operator_helpers.allow(cls, reason)

    @classmethod
    def reason_against(cls, _scene: Any, _portrait: Any) -> str | None:
        """Return why the operator cannot run on this portrait now, or None."""
        return None


class AsksFirst:
    """An operator whose button asks for its values before it runs."""

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask."""
        return context.window_manager.invoke_props_dialog(self)


class AsksForFile:
    """An operator whose button asks for its ``filepath`` before it runs."""

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}
