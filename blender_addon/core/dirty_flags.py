# SPDX-License-Identifier: GPL-3.0-or-later
"""What has changed since the preview last looked: set by property updates and handlers.

Kept apart from the preview so that the properties need not import it.
"""

from __future__ import annotations

from typing import Any

_rig = False
_redraw = False
_sources: set[str] = set()


def rig_changed(_self: Any = None, _context: Any = None) -> None:
    """Note that the performance must be sampled again (rows, rig, frame or any edit)."""
    global _rig
    _rig = True


def overlay_changed(_self: Any = None, _context: Any = None) -> None:
    """Note that the overlay must be drawn again."""
    global _redraw
    _redraw = True


def source_changed(self: Any, _context: Any = None) -> None:
    """Note that a portrait must be prepared again (photo, engine, size ...)."""
    _sources.add(_uid_of(self))


def preview_mode_changed(self: Any, context: Any = None) -> None:
    """Note that the live frames go elsewhere now."""
    overlay_changed()
    rig_changed()


def take_rig() -> bool:
    """Return whether the rig changed, and forget it."""
    global _rig
    changed, _rig = _rig, False
    return changed


def take_redraw() -> bool:
    """Return whether the overlay's place or look changed, and forget it."""
    global _redraw
    changed, _redraw = _redraw, False
    return changed


def take_sources() -> frozenset[str]:
    """Return the identifiers of the portraits to prepare again, and forget them."""
    changed = frozenset(_sources)
    _sources.clear()
    return changed


def forget_source(uid: str) -> None:
    """Forget that a portrait must be prepared again: it is about to be."""
    _sources.discard(uid)


def _uid_of(group: Any) -> str:
    if hasattr(group, "uid"):
        return str(group.uid)
    # A settings group inside a portrait: the owner is found by the path to it.
    path = group.path_from_id().rsplit(".", 1)[0]
    return str(group.id_data.path_resolve(path).uid)
