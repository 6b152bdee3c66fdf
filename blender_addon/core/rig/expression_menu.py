# SPDX-License-Identifier: GPL-3.0-or-later
"""The enum items of the 52 expressions, in columns by part of the face, and their labels."""

from __future__ import annotations

import functools
import re
from typing import Any

Item = tuple[str, str, str, str, int] | tuple[str, str, str]

UNMAPPED = "NONE"
# (heading, prefixes of the names below it).
_COLUMNS = (
    ("Brows", ("brow",)),
    ("Eyelids", ("eyeBlink", "eyeSquint", "eyeWide")),
    ("Gaze", ("eyeLook",)),
    ("Cheeks and nose", ("cheek", "nose")),
    ("Jaw and tongue", ("jaw", "tongue")),
    ("Mouth", ("mouth",)),
)


def readable(name: str) -> str:
    """Turn an expression's name into words: `mouthSmileLeft` -> `Mouth Smile Left`."""
    words = re.findall(r"[A-Z]?[a-z]+", name)
    return " ".join(word.capitalize() for word in words)


def short(name: str) -> str:
    """Turn an expression's name into few words: `mouthSmileLeft` -> `Mouth Smile L`."""
    if name == UNMAPPED:
        return "-"
    words = readable(name)
    for side in ("Left", "Right"):
        words = words.removesuffix(side) + side[0] if words.endswith(side) else words
    return words


def items(_self: Any = None, _context: Any = None) -> list[Item]:
    """Return the enum items; cached, for Blender needs references to the strings to be kept."""
    return _items()


@functools.cache
def _items() -> list[Item]:
    from ... import bridge

    names = bridge.coefficients.EXPRESSION_NAMES
    menu: list[Item] = [(UNMAPPED, "Not mapped", "This shape key drives nothing", "NONE", 0)]
    for heading, prefixes in _COLUMNS:
        menu.append(("", heading, ""))
        for number, name in enumerate(names):
            if name.startswith(prefixes):
                menu.append((name, readable(name), name, "NONE", number + 1))
    return menu
