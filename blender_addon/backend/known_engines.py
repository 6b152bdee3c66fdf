# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the engines that the backend has told of, for the engine field's suggestions."""

from __future__ import annotations

from collections.abc import Iterable

_DEFAULT = "warp"
_names: set[str] = {_DEFAULT}


def names() -> tuple[str, ...]:
    """Return the known names, sorted."""
    return tuple(sorted(_names))


def add(found: Iterable[str]) -> None:
    """Remember engines that a backend offers."""
    _names.update(found)
