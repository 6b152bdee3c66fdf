# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of what changed since the preview last updated, set by property updates and handlers.

Separate from the preview so that the properties need not import it.
"""

from __future__ import annotations

from typing import Any

_rig = False
_redraw = False
_sources: set[str] = set()


def rig_changed(_self: Any = None, _context: Any = None) -> None:
    """Mark that the rig must be sampled again (rows, rig, frame or any edit)."""
    global _rig
    _rig = True


def overlay_changed(_self: Any = None, _context: Any = None) -> None:
    """Mark that the overlay must be redrawn."""
    global _redraw
    _redraw = True


def source_changed(self: Any, _context: Any = None) -> None:
    """Mark that a portrait must be prepared again (photo, engine, size ...)."""
    _sources.add(_uid_of(self))


def preview_mode_changed(self: Any, context: Any = None) -> None:
    """Mark that live frames have a new target: overlay and rig must update."""
    overlay_changed()
    rig_changed()


def take_rig() -> bool:
    """Return whether the rig changed, and reset the flag."""
    global _rig
    changed, _rig = _rig, False
    return changed


def take_redraw() -> bool:
    """Return whether the overlay must be redrawn, and reset the flag."""
    global _redraw
    changed, _redraw = _redraw, False
    return changed


def take_sources() -> frozenset[str]:
    """Return the identifiers of the portraits to prepare again, and reset them."""
    changed = frozenset(_sources)
    _sources.clear()
    return changed


def forget_source(uid: str) -> None:
    """Reset the mark of a portrait that is about to be prepared."""
    _sources.discard(uid)


def _uid_of(group: Any) -> str:
    if hasattr(group, "uid"):
        return str(group.uid)
    # A settings group inside a portrait: the parent of its path is the portrait.
    path = group.path_from_id().rsplit(".", 1)[0]
    return str(group.id_data.path_resolve(path).uid)
