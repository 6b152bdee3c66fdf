# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig map (``heat-rig-map``): how a rig's shape keys and head bone become coefficients.

A map is rows of linear terms. As JSON it is what "save as preset" writes and "load preset" reads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .coefficients import EXPRESSION_INDEX
from .errors import BadInput

FORMAT = "heat-rig-map"
VERSION = 1
POSE_SOURCES: tuple[str, ...] = ("rx", "ry", "rz", "tx", "ty", "tz")
POSE_TARGETS: tuple[str, ...] = ("pitch", "yaw", "roll", "x", "y", "z")


@dataclass(frozen=True)
class KeyRow:
    """One shape key feeding one expression: ``expression += scale * value + offset``.

    Several rows may feed one expression (they add up) and one key may stand in several rows.

    Attributes
    ----------
    shape_key : str
        Name of the shape key on the face mesh.
    expression : str
        One of ``bridge.coefficients.EXPRESSION_NAMES``, or "" while the row is unmapped: it is
        shown to the user but has no effect.
    scale, offset : float
        Linear map of the key's evaluated value.
    mute : bool
        A muted row has no effect.
    confidence : float
        0..1, how sure automatic mapping was; 1 for rows made by hand.
    """

    shape_key: str
    expression: str
    scale: float = 1.0
    offset: float = 0.0
    mute: bool = False
    confidence: float = 1.0


@dataclass(frozen=True)
class BoneRow:
    """One axis of the head bone feeding one pose value: ``target += scale * source + offset``.

    Attributes
    ----------
    axis_source : str
        "rx", "ry", "rz": pitch, yaw, roll of the head bone relative to its rest pose, radians;
        "tx", "ty", "tz": its shift, in outer-eye-corner distances. All along the contract's axes
        (x image right, y up, z toward the viewer), whatever the roll of the bone.
    target : str
        "pitch", "yaw", "roll" (radians) or "x", "y", "z".
    scale, offset : float
        Linear map of the source.
    mute : bool
        A muted row has no effect.
    """

    axis_source: str
    target: str
    scale: float = 1.0
    offset: float = 0.0
    mute: bool = False


@dataclass(frozen=True)
class RigMap:
    """All rows of one rig."""

    keys: tuple[KeyRow, ...] = ()
    bones: tuple[BoneRow, ...] = ()


def to_json(rig_map: RigMap) -> str:
    """Return the map as JSON text (UTF-8 safe, one row a line, stable order)."""
    keys = [json.dumps(asdict(row), ensure_ascii=False) for row in rig_map.keys]
    bones = [json.dumps(asdict(row), ensure_ascii=False) for row in rig_map.bones]
    return (
        f'{{\n"format": "{FORMAT}",\n"version": {VERSION},\n'
        f'"keys": [{_lines(keys)}],\n"bones": [{_lines(bones)}]\n}}\n'
    )


def _lines(rows: list[str]) -> str:
    return "".join(f"\n  {row}," for row in rows).removesuffix(",") + ("\n" if rows else "")


def from_json(text: str) -> RigMap:
    """Read a map written by `to_json`.

    Parameters
    ----------
    text : str
        The JSON text.

    Raises
    ------
    BadInput
        Not JSON, not a rig map, a newer version, or a bad field, which the message names.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _bad(f"is not valid JSON ({error})") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise _bad(f'is not a Heat rig map (field "format" must be "{FORMAT}")')
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad(f'field "version" must be a whole number from 1, not {version!r}')
    if version > VERSION:
        raise _bad(
            f'field "version" is {version}; this Heat reads up to {VERSION}: update the add-on'
        )
    return RigMap(_rows(data, "keys", _key_row), _rows(data, "bones", _bone_row))


def _bad(what: str) -> BadInput:
    return BadInput(f"rig map: {what}")


def _rows(
    data: dict[str, Any], field: str, make: Callable[[dict[str, Any], str], Any]
) -> tuple[Any, ...]:
    items = data.get(field, [])
    if not isinstance(items, list):
        raise _bad(f'field "{field}" must be a list')
    rows = []
    for i, item in enumerate(items):
        where = f"{field}[{i}]"
        if not isinstance(item, dict):
            raise _bad(f'field "{where}" must be an object')
        rows.append(make(item, where))
    return tuple(rows)


def _key_row(item: dict[str, Any], where: str) -> KeyRow:
    expression = _text(item, where, "expression")
    if expression and expression not in EXPRESSION_INDEX:
        raise _bad(f'field "{where}.expression" is no known expression: {expression!r}')
    confidence = _number(item, where, "confidence", 1.0)
    return KeyRow(
        _text(item, where, "shape_key"),
        expression,
        _number(item, where, "scale", 1.0),
        _number(item, where, "offset", 0.0),
        _flag(item, where, "mute"),
        min(max(confidence, 0.0), 1.0),
    )


def _bone_row(item: dict[str, Any], where: str) -> BoneRow:
    source = _text(item, where, "axis_source")
    target = _text(item, where, "target")
    if source not in POSE_SOURCES:
        raise _bad(f'field "{where}.axis_source" must be one of {", ".join(POSE_SOURCES)}')
    if target not in POSE_TARGETS:
        raise _bad(f'field "{where}.target" must be one of {", ".join(POSE_TARGETS)}')
    return BoneRow(
        source,
        target,
        _number(item, where, "scale", 1.0),
        _number(item, where, "offset", 0.0),
        _flag(item, where, "mute"),
    )


def _text(item: dict[str, Any], where: str, field: str) -> str:
    value = item.get(field)
    if not isinstance(value, str):
        raise _bad(f'field "{where}.{field}" must be text, not {value!r}')
    return value


def _number(item: dict[str, Any], where: str, field: str, default: float) -> float:
    value = item.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _bad(f'field "{where}.{field}" must be a finite number, not {value!r}')
    return float(value)


def _flag(item: dict[str, Any], where: str, field: str) -> bool:
    value = item.get(field, False)
    if not isinstance(value, bool):
        raise _bad(f'field "{where}.{field}" must be true or false, not {value!r}')
    return value
