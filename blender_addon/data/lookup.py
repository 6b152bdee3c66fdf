# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a portrait of a scene."""

import uuid
from typing import Any


def active_portrait(scene: Any) -> Any:
    """Return the portrait selected in the scene's list, or None when there is none."""
    heat = getattr(scene, "heat", None)
    if heat is None or not 0 <= heat.active_index < len(heat.portraits):
        return None
    return heat.portraits[heat.active_index]


def find_portrait(scene: Any, uid: str) -> Any:
    """Return the scene's portrait with that identifier, or None."""
    return next((p for p in scene.heat.portraits if p.uid == uid), None)


def new_uid() -> str:
    """Return an identifier for a new portrait, unique across files."""
    return uuid.uuid4().hex
