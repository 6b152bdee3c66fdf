# SPDX-License-Identifier: GPL-3.0-or-later
"""The previews that are open in this Blender, by their portraits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

by_uid: dict[str, Session] = {}


def session_of(uid: str) -> Session | None:
    """Return a portrait's session, None when its preview is not running."""
    return by_uid.get(uid)


def sessions() -> tuple[Session, ...]:
    """Return all sessions."""
    return tuple(by_uid.values())
