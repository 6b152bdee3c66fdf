# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines by name; a built-in one is imported at its first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from bridge.errors import UsageError
from heat_backend.engines.protocol import Engine

_FACTORIES: dict[str, str | Callable[[], Engine]] = {
    "warp": "heat_backend.warp.warp_engine",
    "styleheat": "heat_backend.styleheat.styleheat_engine",
}


def register(name: str, factory: Callable[[], Engine]) -> None:
    """Add an engine under ``name``; ``factory`` is called at its first use."""
    _FACTORIES[name] = factory


def engine_names() -> tuple[str, ...]:
    """Names that :func:`make_engine` accepts."""
    return tuple(_FACTORIES)


def make_engine(name: str) -> Engine:
    """Make the engine called ``name``.

    A built-in engine is a module with a function ``create()``; it is imported here, not before.

    Raises
    ------
    bridge.errors.UsageError
        When there is no engine of that name.
    """
    factory = _FACTORIES.get(name)
    if factory is None:
        known = ", ".join(engine_names())
        raise UsageError(f"there is no engine named {name!r}; choose one of: {known}")
    if isinstance(factory, str):
        create: Callable[[], Engine] = importlib.import_module(factory).create
        return create()
    return factory()
