# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the head bone of an armature by its name."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .name_words import words_of

FILE = Path(__file__).parent / "bone_names" / "head.json"


@functools.cache
def _data() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text("utf-8")))


@functools.cache
def known_heads() -> tuple[tuple[str, str], ...]:
    """Return (rig, head bone name) pairs, preferred first."""
    return tuple((entry["rig"], bone) for entry in _data()["rigs"] for bone in entry["head"])


def find_head_bone(names: Sequence[str]) -> str:
    """Return the name of the head bone, or "" when no name looks like one.

    Parameters
    ----------
    names : sequence of str
        Bone names of one armature, in the armature's order.
    """
    by_words = {words_of(name): name for name in reversed(names)}
    for _, bone in known_heads():
        if bone in names:
            return bone
        if words_of(bone) in by_words:
            return by_words[words_of(bone)]
    candidates = [name for name in names if _head_words(words_of(name))]
    return min(candidates, key=lambda name: len(words_of(name)), default="")


def _head_words(words: tuple[str, ...]) -> bool:
    data = _data()
    return any(w in data["words"] for w in words) and not set(data["other_words"]) & set(words)
