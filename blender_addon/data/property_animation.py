# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes and drivers of a data-block's properties, and of properties of list items."""

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
    """Return the data paths of a data-block that have drivers."""
    data = id_block.animation_data
    return frozenset() if data is None else frozenset(c.data_path for c in data.drivers)


def keyed(id_block: Any) -> frozenset[str]:
    """Return the data paths that the active action or an NLA strip animates."""
    return frozenset(c.data_path for curves, _ in _curve_lists(id_block) for c in curves)


def clear(id_block: Any, paths: frozenset[str]) -> None:
    """Remove f-curves and drivers of some data paths."""
    data = id_block.animation_data
    if data is None:
        return
    for curve in [c for c in data.drivers if c.data_path in paths]:
        data.drivers.remove(curve)
    for curves, remove in _curve_lists(id_block):
        for curve in [c for c in curves if c.data_path in paths]:
            remove(curve)


def item_removed(id_block: Any, collection: str, index: int) -> None:
    """Adapt f-curves and drivers after the removal of an item of a list.

    Its own are removed; the indices of those of later items decrease by one.

    Parameters
    ----------
    id_block : bpy.types.ID
    collection : str
        Data path of the list, such as ``heat.portraits``.
    index : int
        Index of the removed item.
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
    """Yield the f-curves of each action of a data-block, and the function that removes one."""
    data = id_block.animation_data
    if data is None:
        return
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    for owner in (data, *strips):
        if owner.action is not None and owner.action.is_editable:
            yield versions.curves_of(owner), partial(versions.remove_curve, owner)
