# SPDX-License-Identifier: GPL-3.0-or-later
"""Which edits each engine has, as far as it is known: others are greyed, and not sent. No bpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import bridge
from . import engines

_asked: dict[str, frozenset[str]] = {}


def learn(found: Mapping[str, Iterable[str]]) -> None:
    """Remember what a backend lists: names of edits by engine."""
    _asked.update({engine: frozenset(names) for engine, names in found.items()})


def names(engine: str) -> frozenset[str] | None:
    """Return the edits that an engine has; None while nobody has told."""
    chosen = engine.strip() or engines.DEFAULT
    if chosen in _asked:
        return _asked[chosen]
    if chosen == engines.DEFAULT:
        return frozenset(bridge.edits.EDIT_BY_NAME)
    return None


def has(engine: str, name: str) -> bool:
    """Return whether an engine has an edit, or may have it."""
    known = names(engine)
    return known is None or name in known


def usable(engine: str, edits: Mapping[str, float]) -> dict[str, float]:
    """Return those edits that an engine has, or may have."""
    known = names(engine)
    return {name: value for name, value in edits.items() if known is None or name in known}


def complaint(engine: str, edits: Iterable[str]) -> str | None:
    """Return in a line which of some edits an engine does not have, or None."""
    known = names(engine)
    lacking = [name for name in edits if known is not None and name not in known]
    if not lacking:
        return None
    chosen = engine.strip() or engines.DEFAULT
    return f"Left out: the engine {chosen} has no {_listed(lacking)}"


def offer(engine: str) -> str:
    """Return in a line what attributes an engine has."""
    chosen = engine.strip() or engines.DEFAULT
    known = names(chosen)
    if known is None:
        return f"What the engine {chosen} has is not known yet: press Refresh"
    attributes = sorted(known - set(bridge.edits.EDIT_BY_NAME))
    if attributes:
        return f"The engine {chosen} has {_listed(attributes)}"
    if not engines.capabilities(chosen).attributes and engines.with_attributes():
        theirs = " and ".join(engines.with_attributes())
        return f"The engine {chosen} has no attributes such as age: those are the engine {theirs}'s"
    return f"The engine {chosen} has no attributes here"


def _listed(found: list[str]) -> str:
    most = 6
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
