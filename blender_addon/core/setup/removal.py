# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backend has on the disk, and its removal. No bpy here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import bridge
from . import setup_lock
from .patience import remove_tree, tree_bytes
from .places import Places


@dataclass(frozen=True)
class Item:
    """Something to remove: what it is, where, and how much it takes, in megabytes (1e6 bytes)."""

    name: str
    paths: tuple[Path, ...]
    megabytes: float


def items(places: Places, motion: Path) -> list[Item]:
    """Return what is there.

    Parameters
    ----------
    places : Places
    motion : Path
        Folder of the clips that were read from videos and voices.
    """
    named = (
        ("Environment", (places.environments,)),
        ("What an unfinished set-up has gathered", (places.work,)),
        ("Motion read from videos and voices", (motion,)),
        ("The backend's cache", (backend_cache(),)),
        ("Logs", (places.log, places.backend_log, places.lock)),
    )
    found = []
    for name, paths in named:
        there = tuple(path for path in paths if path.exists())
        if there:
            found.append(Item(name, there, sum(map(tree_bytes, there)) / 1e6))
    return found


def remove(places: Places, found: Sequence[Item]) -> list[Path]:
    """Remove it all; return what other programs hold.

    Raises
    ------
    BadInput
        Another Blender is setting up.
    """
    held = setup_lock.claim(places.lock)
    try:
        kept = [
            path
            for item in found
            for one in item.paths
            if one != places.lock
            for path in remove_tree(one)
        ]
    finally:
        held.release()
    return kept + remove_tree(places.lock)


def outcome(found: Sequence[Item], kept: Sequence[Path]) -> str:
    """Return in a line what was removed.

    Raises
    ------
    MissingHere
        Some of it is held by another program.
    """
    if kept:
        more = f" and {len(kept) - 1} more files" if len(kept) > 1 else ""
        raise bridge.errors.MissingHere(
            f"{kept[0]}{more} could not be removed: close other Blenders, then remove again"
        )
    return f"The backend was removed: {sum(item.megabytes for item in found):.0f} MB are free again"


def backend_cache() -> Path:
    """Return the backend's cache folder, as its `heat_backend.storage.user_folders` finds it.

    The rules are those of platformdirs 4, which Blender's Python has not.
    """
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(local) / "heat" / "Cache"
    named = os.environ.get("XDG_CACHE_HOME", "").strip()
    if named:
        return Path(named) / "heat"
    base = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / base / "heat"
