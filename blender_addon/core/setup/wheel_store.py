# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels that are here already: that have arrived, or of a folder or bundle. No bpy here."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from .packed import Pin, normal_name
from .patience import patiently


def held(pins: Iterable[Pin], folders: Sequence[Path], tags: Iterable[str]) -> dict[Pin, Path]:
    """Return the whole wheel of each package of which there is one that fits.

    Parameters
    ----------
    pins : iterable of Pin
    folders : sequence of Path
        Where to look, in this order.
    tags : iterable of str
        What fits this Python and system, such as "py3-none-any", best first.
    """
    rank = {tag: place for place, tag in reversed(list(enumerate(tags)))}
    there: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.whl")):
            parts = path.stem.split("-")
            if len(parts) < 5:
                continue
            places = [rank[tag] for tag in _tags(*parts[-3:]) if tag in rank]
            if places:
                there.setdefault((normal_name(parts[0]), parts[1]), []).append((min(places), path))
    found: dict[Pin, Path] = {}
    for pin in pins:
        for _place, path in sorted(
            there.get((normal_name(pin.name), pin.version), []), key=lambda wheel: wheel[0]
        ):
            if is_whole(path, pin):
                found[pin] = path
                break
    return found


def is_whole(wheel: Path, pin: Pin) -> bool:
    """Return whether a file is one of the wheels that the lock names."""
    if not pin.hashes:
        return True
    try:
        with wheel.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" in pin.hashes
    except OSError:
        return False


def keep(arrived: Path, store: Path) -> Path:
    """Move a wheel that has arrived whole into the store."""
    store.mkdir(parents=True, exist_ok=True)
    target = store / arrived.name
    patiently(lambda: shutil.move(arrived, target))
    return target


def _tags(pythons: str, abis: str, platforms: str) -> list[str]:
    """Expand a wheel's compressed tags (PEP 425)."""
    return [
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]
