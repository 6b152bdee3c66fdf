# SPDX-License-Identifier: GPL-3.0-or-later
"""Which previews show their portrait without its edits, to compare. No bpy here.

This lives only while Blender runs: it is neither saved nor undone, and no export looks at it.
"""

from __future__ import annotations

_before: set[str] = set()


def shows_before(uid: str) -> bool:
    """Return whether a portrait's preview leaves its edits out."""
    return uid in _before


def show_before(uid: str, wanted: bool) -> None:
    """Let a portrait's preview leave its edits out, or not."""
    (_before.add if wanted else _before.discard)(uid)


def forget() -> None:
    """Show all portraits with their edits again."""
    _before.clear()
