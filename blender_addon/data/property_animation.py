# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and drivers of properties that stand in lists: which there are, and how they follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .. import versions


def path_of(owner: Any, field: str) -> str:
    """Return the path of a property from its data-block."""
    return str(owner.path_from_id(field))


def driven(id_block: Any) -> frozenset[str]:
    """Return the paths of a data-block that drivers set."""
    data = id_block.animation_data
    return frozenset() if data is None else frozenset(c.data_path for c in data.drivers)


def keyed(id_block: Any) -> frozenset[str]:
    """Return the paths of a data-block that an action sets, its own or an NLA strip's."""
    return frozenset(c.data_path for curves, _ in _curve_lists(id_block) for c in curves)


def clear(id_block: Any, paths: frozenset[str]) -> None:
    """Take keys and drivers off some paths of a data-block."""
    data = id_block.animation_data
    if data is None:
        return
    for curve in [c for c in data.drivers if c.data_path in paths]:
        data.drivers.remove(curve)
    for curves, remove in _curve_lists(id_block):
        for curve in [c for c in curves if c.data_path in paths]:
            remove(curve)


def item_removed(id_block: Any, collection: str, index: int) -> None:
    """Let keys and drivers follow when an item of a list is gone.

    Its own are removed; those of the items after it move up, as the items did.

    Parameters
    ----------
    id_block : bpy.types.ID
    collection : str
        Path of the list, such as ``heat.portraits``.
    index : int
        Of the item that was removed.
    """
    data = id_block.animation_data
    if data is None:
        return
    lists = [(list(data.drivers), data.drivers.remove), *_curve_lists(id_block)]
    start = re.compile(re.escape(collection) + r"\[(\d+)\]")
    for curves, remove in lists:
        for curve in list(curves):
            found = start.match(curve.data_path)
            if found is None or int(found[1]) < index:
                continue
            if int(found[1]) == index:
                remove(curve)
            else:
                rest = curve.data_path[found.end() :]
                curve.data_path = f"{collection}[{int(found[1]) - 1}]{rest}"


def _curve_lists(id_block: Any) -> Iterator[tuple[list[Any], Callable[[Any], None]]]:
    """Give the f-curves of every action that sets a data-block, and what removes one of them."""
    data = id_block.animation_data
    if data is None:
        return
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    for owner in (data, *strips):
        if owner.action is not None and owner.action.is_editable:
            yield versions.curves_of(owner), partial(versions.remove_curve, owner)
