# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines by name; each is a folder with a description, and a line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bridge.errors import UsageError
from heat_backend.engines import networks
from heat_backend.engines.description import EngineDescription, load

if TYPE_CHECKING:
    from heat_backend.engines.protocol import Engine

ENGINES = ("heat_backend.warp.description", "heat_backend.styleheat.description")
"""Modules with a ``DESCRIPTION``; the order is that of lists and of the command line's help."""

DEFAULT_ENGINE = "warp"
"""The engine where none is named: it needs no weights and no GPU."""

_registered: dict[str, EngineDescription] = {}


def register(description: EngineDescription) -> None:
    """Add an engine, or replace the one of that name, for as long as this process runs."""
    _registered[description.name] = description


def descriptions() -> tuple[EngineDescription, ...]:
    """Return all engines' descriptions."""
    own = (importlib.import_module(module).DESCRIPTION for module in ENGINES)
    return tuple(({one.name: one for one in own} | _registered).values())


def engine_names() -> tuple[str, ...]:
    """Names that :func:`make_engine` accepts."""
    return tuple(one.name for one in descriptions())


def describe(name: str) -> EngineDescription:
    """Return the description of the engine called ``name``.

    Raises
    ------
    bridge.errors.UsageError
        When there is no engine of that name.
    """
    for one in descriptions():
        if one.name == name:
            return one
    known = ", ".join(engine_names())
    raise UsageError(f"there is no engine named {name!r}; choose one of: {known}")


def require_packages(name: str) -> None:
    """Refuse an engine whose packages are not installed.

    Raises
    ------
    bridge.errors.UsageError
        When there is no engine of that name.
    bridge.errors.MissingHere
        When it needs the extra ``networks``, which is not installed.
    """
    described = describe(name)
    if described.capabilities.networks:
        networks.require_networks(f"the engine {described.title or name}")


def make_engine(name: str) -> Engine:
    """Make the engine called ``name``; only now is its code imported.

    Raises
    ------
    bridge.errors.UsageError
        When there is no engine of that name.
    bridge.errors.MissingHere
        When it needs the extra ``networks``, which is not installed.
    """
    require_packages(name)
    create = describe(name).create
    engine: Engine = load(create)() if isinstance(create, str) else create()
    return engine
