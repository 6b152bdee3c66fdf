# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines to choose from, as backends describe them; kept while Blender runs. No bpy here."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from .. import bridge

DEFAULT = "warp"
"""The engine of a new portrait, offered before any backend has answered."""

_names: set[str] = {DEFAULT}
_described: dict[str, bridge.engine_description.EngineDescription] = {}


def learn(told: Mapping[str, Any]) -> None:
    """Remember the engines that a backend offers.

    Parameters
    ----------
    told : mapping
        Has the fields `engines` and `engine_descriptions`, as WELCOME does.
    """
    offered = told.get("engines")
    if isinstance(offered, list):
        _names.update(name for name in offered if isinstance(name, str))
    with contextlib.suppress(bridge.errors.ProtocolError):
        found = bridge.engine_description.read_descriptions(dict(told))
        _described.update({one.name: one for one in found})


def forget() -> None:
    """Forget all that backends have told."""
    _names.clear()
    _names.add(DEFAULT)
    _described.clear()


def names() -> tuple[str, ...]:
    """Return the known names, sorted."""
    return tuple(sorted(_names))


def description(name: str) -> bridge.engine_description.EngineDescription | None:
    """Return what is known of an engine; None while no backend has described it."""
    return _described.get(name.strip() or DEFAULT)


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
