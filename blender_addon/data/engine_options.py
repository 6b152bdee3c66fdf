# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait's values of its engine's own options, whatever the engine is.

Two options are properties of the portrait, under the names by which .blend files have them. All
others are rows of `portrait.engine_values`, named ENGINE/OPTION.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core import engines

if TYPE_CHECKING:
    from .. import bridge

PROPERTIES = ("inversion", "keep_identity")
FIELDS = {"flag": "flag", "integer": "integer", "number": "number"}
"""Property of a row by the option's kind; `text` for all others."""


def options(portrait: Any) -> tuple[bridge.engine_description.Option, ...]:
    """Return the options of a portrait's engine; none while no backend has described it."""
    known = engines.description(portrait.engine)
    return () if known is None else known.options


def values(portrait: Any) -> dict[str, Any]:
    """Return the values to be sent to the backend.

    Of an engine that no backend has described yet these are the properties that were set.
    """
    if engines.description(portrait.engine) is None:
        if engines.chosen(portrait.engine) == engines.DEFAULT:
            return {}
        set_ones = (name for name in PROPERTIES if portrait.is_property_set(name))
        return {name: getattr(portrait, name) for name in set_ones}
    return {option.name: _value(portrait, option) for option in options(portrait)}


def place(portrait: Any, option: bridge.engine_description.Option) -> tuple[Any, str] | None:
    """Return the owner and the name of the property that holds an option; None before `make`."""
    if option.name in PROPERTIES:
        return portrait, option.name
    row = portrait.engine_values.get(_row_name(portrait, option))
    return None if row is None else (row, FIELDS.get(option.kind, "text"))


def make(portrait: Any) -> None:
    """Make the rows that hold the options of a portrait's engine, at the options' defaults."""
    for option in options(portrait):
        if place(portrait, option) is None:
            row = portrait.engine_values.add()
            row.name = _row_name(portrait, option)
            setattr(row, FIELDS.get(option.kind, "text"), option.default)


def choices(row_name: str) -> list[str]:
    """Return the values that the option of a row may have; none where any text will do."""
    engine, _, name = row_name.partition("/")
    known = engines.description(engine)
    found = () if known is None else known.options
    return [choice.name for option in found if option.name == name for choice in option.choices]


def _value(portrait: Any, option: bridge.engine_description.Option) -> Any:
    held = place(portrait, option)
    return option.default if held is None else getattr(*held)


def _row_name(portrait: Any, option: bridge.engine_description.Option) -> str:
    return f"{engines.chosen(portrait.engine)}/{option.name}"
