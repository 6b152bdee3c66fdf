# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the files of a take. Every take has its own, so no render ever overwrites another.

`FOLDER/PORTRAIT/take_001/frame_000001.png ...` or `FOLDER/PORTRAIT/take_001.mp4`, beside it
`take_001.npz` (the motion) and `take_001.json` (the record that Resume goes by). No bpy here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_TAKE = re.compile(r"take_(\d+)(?:\.|$)")


@dataclass(frozen=True)
class TakeFiles:
    """Paths of one take: the movie or folder, the motion clip, the record."""

    out: Path
    motion: Path
    record: Path


def folder_name(portrait_name: str) -> str:
    """Return a portrait's name as a folder name that every system takes."""
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", portrait_name).strip(" .")
    return name[:80] or "portrait"


def next_take(folder: Path, portrait_name: str, movie: bool) -> TakeFiles:
    """Return the paths of a take that does not exist yet.

    Parameters
    ----------
    folder : Path
        The output folder; may not exist, may hold anything.
    portrait_name : str
        Any text.
    movie : bool
        Whether one movie is written, rather than pictures.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    place = folder / folder_name(portrait_name)
    numbers = [0]
    if place.is_dir():
        found = (_TAKE.match(entry.name) for entry in place.iterdir())
        numbers += [int(match[1]) for match in found if match]
    stem = f"take_{max(numbers) + 1:03d}"
    out = place / (f"{stem}.mp4" if movie else stem)
    return TakeFiles(out, place / f"{stem}.npz", place / f"{stem}.json")
