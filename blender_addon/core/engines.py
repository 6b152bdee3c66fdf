# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines to choose from: those that the backend tells of, and what each does and needs."""

from __future__ import annotations

from collections.abc import Iterable

DEFAULT = "warp"
STYLEHEAT = "styleheat"

_NOTES = {
    DEFAULT: (
        "Warp moves the photo itself: it keeps its pixels and size, is quick on any machine and "
        "needs nothing more."
    ),
    STYLEHEAT: (
        "StyleHEAT paints the face anew with the paper's networks, at 1024 pixels: larger turns "
        "and edits such as age. It needs the published weights and wants an NVIDIA card; without "
        "one it is slow."
    ),
}
_names: set[str] = {DEFAULT}


def names() -> tuple[str, ...]:
    """Return the known names, sorted."""
    return tuple(sorted(_names))


def add(found: Iterable[str]) -> None:
    """Remember engines that a backend offers."""
    _names.update(found)


def note(name: str) -> str:
    """Return what an engine does and needs, in a sentence or two; "" for one of others' making."""
    return _NOTES.get(name.strip() or DEFAULT, "")
