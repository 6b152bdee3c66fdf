# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines to choose from and the edits that each has, as backends describe them. No bpy here.

Kept while Blender runs. Edits that an engine does not have are greyed, and not sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from .. import bridge

DEFAULT = "warp"
"""The engine of a new portrait, offered before any backend has answered."""

_names: set[str] = {DEFAULT}
_described: dict[str, bridge.engine_description.EngineDescription] = {}
_edits: dict[str, frozenset[str]] = {}


def chosen(name: str) -> str:
    """Return the engine that a name stands for: the default one where it is empty."""
    return name.strip() or DEFAULT


def learn(header: Mapping[str, Any]) -> None:
    """Remember the engines that a backend offers.

    Parameters
    ----------
    header : mapping
        Has the fields `engines` and `engine_descriptions`, as WELCOME does.
    """
    offered = header.get("engines")
    if isinstance(offered, list):
        _names.update(name for name in offered if isinstance(name, str))
    with contextlib.suppress(bridge.errors.ProtocolError):
        found = bridge.engine_description.read_descriptions(dict(header))
        _described.update({one.name: one for one in found})


def forget() -> None:
    """Forget all that backends have listed."""
    _names.clear()
    _names.add(DEFAULT)
    _described.clear()
    _edits.clear()


def names() -> tuple[str, ...]:
    """Return the known names, sorted."""
    return tuple(sorted(_names))


def description(name: str) -> bridge.engine_description.EngineDescription | None:
    """Return what is known of an engine; None while no backend has described it."""
    return _described.get(chosen(name))


def capabilities(name: str) -> bridge.engine_description.Capabilities:
    """Return what an engine can do and needs; nothing while no backend has described it."""
    known = description(name)
    return bridge.engine_description.Capabilities() if known is None else known.capabilities


def note(name: str) -> str:
    """Return what an engine does and needs, in a sentence or two; "" while that is not known."""
    known = description(name)
    return "" if known is None else known.summary


def with_attributes() -> tuple[str, ...]:
    """Return the names of the engines that have edits of attributes."""
    return tuple(one.name for one in _described.values() if one.capabilities.attributes)


def needing_weights() -> str:
    """Return the title of the engine that needs weights."""
    titles = [one.title for one in _described.values() if one.capabilities.weights]
    return " and ".join(titles) or "The engine"


def learn_edits(found: Mapping[str, Iterable[str]]) -> None:
    """Remember what a backend lists: names of edits by engine."""
    _edits.update({engine: frozenset(names) for engine, names in found.items()})


def edits_of(engine: str) -> frozenset[str] | None:
    """Return the edits that an engine has; None while no backend has listed them."""
    name = chosen(engine)
    if name in _edits:
        return _edits[name]
    return frozenset(bridge.edits.EDIT_BY_NAME) if name == DEFAULT else None


def has_edit(engine: str, name: str) -> bool:
    """Return whether an engine has an edit, or may have it."""
    known = edits_of(engine)
    return known is None or name in known


def usable_edits(engine: str, edits: Mapping[str, float]) -> dict[str, float]:
    """Return those edits that an engine has, or may have."""
    known = edits_of(engine)
    return {name: value for name, value in edits.items() if known is None or name in known}


def missing_edits_line(engine: str, edits: Iterable[str]) -> str | None:
    """Return in a line which of some edits an engine does not have, or None."""
    known = edits_of(engine)
    lacking = [edit for edit in edits if known is not None and edit not in known]
    if not lacking:
        return None
    return f"Left out: the engine {chosen(engine)} has no {_listed(lacking)}"


def attributes_line(engine: str) -> str:
    """Return in a line what attributes an engine has."""
    name = chosen(engine)
    known = edits_of(name)
    if known is None:
        return f"What the engine {name} has is not known yet: press Refresh"
    attributes = sorted(known - set(bridge.edits.EDIT_BY_NAME))
    if attributes:
        return f"The engine {name} has {_listed(attributes)}"
    if not capabilities(name).attributes and with_attributes():
        theirs = " and ".join(with_attributes())
        return f"The engine {name} has no attributes such as age: those are the engine {theirs}'s"
    return f"The engine {name} has no attributes here"


def _listed(found: list[str]) -> str:
    most = 6
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
