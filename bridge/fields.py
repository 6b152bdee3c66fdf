# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and checks single fields of a message's header."""

from __future__ import annotations

from .errors import ProtocolError
from .wire import Header


def integer(header: Header, name: str, low: int, high: int, default: int | None = None) -> int:
    """Return an integer field within low..high."""
    value = header.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ProtocolError(f"field {name!r}: not an integer from {low} to {high}")
    return value


def optional_integer(header: Header, name: str, low: int, high: int) -> int | None:
    """Return an integer field within low..high, or None where it is null or left out."""
    return None if header.get(name) is None else integer(header, name, low, high)


def text(header: Header, name: str, longest: int = 256, default: str | None = None) -> str:
    """Return a text field."""
    value = header.get(name, default)
    if not isinstance(value, str) or len(value) > longest:
        raise ProtocolError(f"field {name!r}: not a text of at most {longest} signs")
    return value


def flag(header: Header, name: str, default: bool = False) -> bool:
    """Return a true-or-false field."""
    value = header.get(name, default)
    if not isinstance(value, bool):
        raise ProtocolError(f"field {name!r}: neither true nor false")
    return value


def integers(header: Header, name: str, low: int, high: int, longest: int) -> list[int]:
    """Return a list of integers, empty where it is left out."""
    value = header.get(name, [])
    if not isinstance(value, list) or len(value) > longest:
        raise ProtocolError(f"field {name!r}: not a list of at most {longest} integers")
    return [integer({name: item}, name, low, high) for item in value]


def texts(header: Header, name: str, count: int, longest: int = 256) -> list[str]:
    """Return a list of at most ``count`` texts, empty where it is left out."""
    value = header.get(name, [])
    if not isinstance(value, list) or len(value) > count:
        raise ProtocolError(f"field {name!r}: not a list of at most {count} texts")
    return [text({name: item}, name, longest) for item in value]


def number(header: Header, name: str, default: float | None = None) -> float:
    """Return a finite number."""
    value = header.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e15:
        raise ProtocolError(f"field {name!r}: not a number")
    return float(value)


def table(header: Header, name: str) -> Header:
    """Return a nested object."""
    value = header.get(name)
    if not isinstance(value, dict):
        raise ProtocolError(f"field {name!r}: not an object")
    return value
