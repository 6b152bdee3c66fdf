# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a rig map: shape keys are matched by name, the others by geometry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .geometric_match import FieldMatch, GeometricMatch
from .presets import NameMatch, all_presets, best_preset, load_preset, match_names
from .rig_map import KeyRow

# Confidence from which a match by geometry is used, and from which it is shown as a muted row.
# Tuned on the test rigs.
ACCEPTED, SHOWN = 0.5, 0.3
# Shorter names, such as viseme letters, are matched by the best preset only.
_SHORTEST_FOREIGN = 4

Targets = Mapping[str, float]


@dataclass(frozen=True)
class AutoMap:
    """Result of `auto_map`.

    Attributes
    ----------
    rows : tuple of KeyRow
        In the order of the shape keys, at least one for each. A row without an expression has no
        match; a muted one is a guess to confirm.
    preset : str
        Label of the preset that matches most names, "" if none does.
    by_name, by_shape, unsure, unknown : tuple of str
        Shape keys mapped by name, by displacement, by a muted guess, not at all.
    match : GeometricMatch or None
        The geometric comparison, if it was made.
    """

    rows: tuple[KeyRow, ...]
    preset: str
    by_name: tuple[str, ...]
    by_shape: tuple[str, ...]
    unsure: tuple[str, ...]
    unknown: tuple[str, ...]
    match: GeometricMatch | None


def auto_map(
    key_names: Sequence[str],
    compare: Callable[[Mapping[str, Targets]], GeometricMatch] | None = None,
    preset: str = "",
) -> AutoMap:
    """Map shape keys to expressions.

    Parameters
    ----------
    key_names : sequence of str
        The shape keys without the reference key.
    compare : callable, optional
        Given the matches by name ({key: {expression: scale}}), compares the displacements of all
        other keys with the face model: ``geometric_match.match_fields`` of the mesh. Without it,
        unknown names stay unmapped.
    preset : str
        Identifier of the preset to use, "" for the one that matches most names.

    Returns
    -------
    AutoMap

    Raises
    ------
    BadInput
        The preset is unknown.
    """
    label, named = match_by_name(key_names, preset)
    match = None
    if compare is not None:
        match = compare({name: found.targets for name, found in named.items()})
    shapes = {found.shape_key: found for found in match.matches} if match else {}
    rows: list[KeyRow] = []
    for name in key_names:
        rows += _rows(name, named.get(name), shapes.get(name))
    used = {row.shape_key for row in rows if row.expression and not row.mute}
    guessed = {row.shape_key for row in rows if row.expression and row.mute}
    return AutoMap(
        tuple(rows),
        label,
        tuple(name for name in key_names if name in named),
        tuple(name for name in key_names if name in used and name not in named),
        tuple(name for name in key_names if name in guessed),
        tuple(name for name in key_names if name not in used | guessed),
        match,
    )


def match_by_name(key_names: Sequence[str], preset: str = "") -> tuple[str, dict[str, NameMatch]]:
    """Match shape keys by name: return the preset's label and a match for each known name.

    The best preset is tried first; names that it does not have are looked up in the others, with
    0.8 times the confidence.
    """
    if preset:
        chosen = load_preset(preset)
        return chosen.label, match_names(key_names, chosen)
    best, named = best_preset(key_names)
    if best is None:
        return "", {}
    taken = {target for found in named.values() for target in found.targets}
    for other in all_presets():
        rest = [n for n in key_names if n not in named and len(n) >= _SHORTEST_FOREIGN]
        for name, found in match_names(rest, other).items():
            if not taken.intersection(found.targets) or len(found.targets) > 2:
                named[name] = NameMatch(found.targets, 0.8 * found.confidence)
    return best.label, named


def _rows(name: str, named: NameMatch | None, shape: FieldMatch | None) -> list[KeyRow]:
    if named is not None:
        return [
            KeyRow(name, target, scale, confidence=named.confidence)
            for target, scale in named.targets.items()
        ]
    if shape is not None and shape.targets and shape.confidence >= SHOWN:
        mute = shape.confidence < ACCEPTED
        return [
            KeyRow(name, target, scale, mute=mute, confidence=shape.confidence)
            for target, scale in shape.targets.items()
        ]
    return [KeyRow(name, "", confidence=shape.confidence if shape else 0.0)]


def notes_of(found: AutoMap) -> tuple[str, ...]:
    """Return lines on how the keys were mapped, for the panel and the operator's report."""
    lines = []
    if found.by_name:
        like = f" ({found.preset} names)" if found.preset else ""
        lines.append(f"{_keys(found.by_name)} mapped by name{like}")
    if found.by_shape:
        lines.append(f"{_keys(found.by_shape)} mapped by how they move the face: check them")
    if found.unsure:
        lines.append(f"{_keys(found.unsure)} muted, only a guess: unmute what is right")
    if found.unknown:
        lines.append(f"{_keys(found.unknown)} not mapped: choose the expression by hand")
    return tuple(lines)


def _keys(names: Sequence[str]) -> str:
    return f"{len(names)} shape key{'s' if len(names) != 1 else ''}"
