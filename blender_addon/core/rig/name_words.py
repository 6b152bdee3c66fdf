# SPDX-License-Identifier: GPL-3.0-or-later
"""Splits names of shape keys and bones into words and a side, so that spellings compare equal.

"eyeBlinkLeft", "EyeBlink_L", "eye_blink.l", "L_EyeBlink", "EYEBLINKLEFT" and "Eye Blink L.001" all
become the words ("eye", "blink") or ("eyeblink",) with side "L".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\x00-\x7f]+")
_COPY_NUMBER = re.compile(r"\.\d{3}$")
_SIDES = {
    **dict.fromkeys(("l", "left", "lf", "lt"), "L"),
    **dict.fromkeys(("r", "right", "rt"), "R"),
}


@dataclass(frozen=True)
class Spelling:
    """One reading of a name.

    Attributes
    ----------
    core : str
        The words run together in lower case, without the side.
    side : str
        "L", "R" or "".
    words : tuple of str
        The words of the core.
    """

    core: str
    side: str
    words: tuple[str, ...]


def words_of(name: str) -> tuple[str, ...]:
    """Split a name at separators, case changes and digits; lower case, numbers without zeros."""
    found = _WORD.findall(_COPY_NUMBER.sub("", name.strip()))
    return tuple(str(int(w)) if w.isascii() and w.isdigit() else w.lower() for w in found)


def side_of(word: str) -> str:
    """Return "L" or "R" for a lower-case word that means a side, else ""."""
    return _SIDES.get(word, "")


def readings(words: tuple[str, ...]) -> tuple[Spelling, ...]:
    """Return the readings of a name, likeliest first: side at the end, at the front, or none."""
    found = []
    if len(words) > 1 and words[-1] in _SIDES:
        found.append(_spelling(words[:-1], _SIDES[words[-1]]))
    if len(words) > 1 and words[0] in _SIDES:
        found.append(_spelling(words[1:], _SIDES[words[0]]))
    found.append(_spelling(words, ""))
    core = "".join(words)
    for word, side in (("left", "L"), ("right", "R")):
        if core.endswith(word) and core != word:
            found.append(_spelling((core.removesuffix(word),), side))
        if core.startswith(word) and core != word:
            found.append(_spelling((core.removeprefix(word),), side))
    return tuple(found)


def _spelling(words: tuple[str, ...], side: str) -> Spelling:
    return Spelling("".join(words), side, words)


def shared_prefixes(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Find the words that many names start with, such as a mesh's name; longest first.

    A prefix counts as shared when at least four names and 40 % of all start with it.
    """
    split = [words_of(name) for name in names]
    counts: Counter[tuple[str, ...]] = Counter()
    for words in split:
        for length in range(1, len(words)):
            counts[words[:length]] += 1
    enough = max(4, 0.4 * len(split))
    return tuple(sorted((p for p, n in counts.items() if n >= enough), key=len, reverse=True))
