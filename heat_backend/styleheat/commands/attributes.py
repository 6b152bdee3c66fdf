# SPDX-License-Identifier: GPL-3.0-or-later
"""The edits of attributes that the weights folder has; a ``description.AttributeEdits``."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from bridge.errors import HeatError
from heat_backend.engines.networks import require_networks

if TYPE_CHECKING:
    from heat_backend.styleheat.editing.directions import EditList


def lines() -> list[str]:
    """Return what ``heat edit --list`` says of them."""
    listed = [
        "  all of the above: the edited photo is inverted again, which takes a while",
        "  attributes (0 is off, 1 the full strength; --keep-identity refines them)",
    ]
    try:
        found = _found()
    except (HeatError, ImportError) as error:
        return [*listed, f"    none here: {error}"]
    for name in found.names:
        signed = "-1 to 1" if found.is_signed(name) else "0 to 1"
        listed.append(f"    {name:22} {signed:34} from {found.known(name).source}")
    if not found.names:
        listed.append("    none here: `heat weights fetch` brings some")
    return listed + [f"    cannot be used: {problem}" for problem in found.problems]


def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return their names, and a line about each file that cannot be used."""
    found = _found()
    return tuple(found.names), tuple(found.problems)


def check(edits: Collection[str]) -> None:
    """Refuse unknown edits before the portrait is inverted."""
    from bridge.edits import check_names
    from heat_backend.styleheat.portrait import OWNER
    from heat_backend.styleheat.weights.folder import find_folder

    find_folder(None).require_engine()
    check_names(edits, _found().names, OWNER)


def _found() -> EditList:
    require_networks("an edit of attributes")
    from heat_backend.styleheat.editing.directions import find_edits
    from heat_backend.styleheat.weights.folder import find_folder

    return find_edits(find_folder(None))
