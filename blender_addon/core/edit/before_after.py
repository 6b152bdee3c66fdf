# SPDX-License-Identifier: GPL-3.0-or-later
"""Which portraits' previews are shown without edits, to compare. No bpy here.

Session state: neither saved nor undone, and exports do not use it.
"""

from __future__ import annotations

_before: set[str] = set()


def shows_before(uid: str) -> bool:
    """Return whether a portrait's preview leaves its edits out."""
    return uid in _before


def show_before(uid: str, before: bool) -> None:
    """Set whether a portrait's preview leaves its edits out."""
    (_before.add if before else _before.discard)(uid)


def forget() -> None:
    """Show all portraits with their edits again."""
    _before.clear()
