# SPDX-License-Identifier: GPL-3.0-or-later
"""Naming presets: the expressions of the shape keys of known rigs. Each preset is a JSON file.

A file in ``presets/`` has ``format`` ("heat-naming-preset"), ``version`` (1), ``label``, ``order``
(lower wins a tie) and ``keys``: shape key name -> expression, or -> {expression: scale}, or ->
another name of the same table. "{S}" on both
sides is replaced by Left and Right. Optional: ``extends`` (other presets, by file name),
``prefixes`` and ``suffixes`` (text allowed around a name) and ``trailing_words`` (any may follow).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import bridge
from .name_words import Spelling, readings, shared_prefixes, words_of

FOLDER = Path(__file__).parent / "presets"
FORMAT = "heat-naming-preset"
VERSION = 1
# Left and right of these are opposite directions: a key without a side does not mean both.
_DIRECTIONS = frozenset({"mouthLeft", "mouthRight", "jawLeft", "jawRight"})

Targets = Mapping[str, float]


@dataclass(frozen=True)
class Preset:
    """One naming convention.

    Attributes
    ----------
    name : str
        File name without ".json".
    label : str
        Name shown to users.
    order : int
        Lower is preferred among equals.
    keys : mapping of (core, side) to {expression: scale}
        Names as `name_words` reads them.
    prefixes, suffixes : tuple of str
        Text that may precede or follow a name, in any case.
    trailing_words : bool
        Whether any words may follow.
    """

    name: str
    label: str
    order: int
    keys: Mapping[tuple[str, str], Targets]
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    trailing_words: bool = False


@dataclass(frozen=True)
class NameMatch:
    """A preset's match for one shape key: {expression: scale}, and the confidence, 0..1."""

    targets: Targets
    confidence: float


def preset_names() -> tuple[str, ...]:
    """Return the identifiers of the shipped presets, preferred first."""
    return tuple(preset.name for preset in all_presets())


@functools.cache
def all_presets() -> tuple[Preset, ...]:
    """Read all shipped presets, preferred first."""
    names = sorted(path.stem for path in FOLDER.glob("*.json"))
    return tuple(sorted((load_preset(name) for name in names), key=lambda p: (p.order, p.name)))


@functools.cache
def load_preset(name: str) -> Preset:
    """Read one shipped preset.

    Raises
    ------
    BadInput
        There is no such preset, or its file is not one; the message names the field.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.json")))
        raise bridge.errors.BadInput(f'there is no preset "{name}"; known: {known}')
    return parse_preset(name, path.read_text("utf-8"))


def parse_preset(name: str, text: str) -> Preset:
    """Turn the text of a preset file into a `Preset`; errors as in `load_preset`."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _bad(name, f"is not valid JSON ({error})") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise _bad(name, f'field "format" must be "{FORMAT}"')
    if data.get("version") != VERSION:
        raise _bad(name, f'field "version" must be {VERSION}, not {data.get("version")!r}')
    parents = [load_preset(parent) for parent in data.get("extends", [])]
    keys: dict[tuple[str, str], Targets] = {}
    for parent in parents:
        keys.update(parent.keys)
    table = data.get("keys")
    if not isinstance(table, dict):
        raise _bad(name, 'field "keys" must be an object')
    for key, value in table.items():
        keys.update(_entries(name, key, value, table))
    return Preset(
        name,
        str(data.get("label", name)),
        int(data.get("order", 1000)),
        keys,
        (*data.get("prefixes", ()), *(text for p in parents for text in p.prefixes)),
        (*data.get("suffixes", ()), *(text for p in parents for text in p.suffixes)),
        bool(data.get("trailing_words", False)),
    )


def _bad(name: str, what: str) -> bridge.errors.BadInput:
    return bridge.errors.BadInput(f'preset "{name}": {what}')


def _entries(
    name: str, key: str, value: Any, table: dict[str, Any]
) -> dict[tuple[str, str], Targets]:
    """Expand one line of a preset's table: {S}, aliases, and the short form."""
    if isinstance(value, str) and value in table and value != key:
        value = table[value]
    targets = {value: 1.0} if isinstance(value, str) else value
    if not isinstance(targets, dict):
        raise _bad(name, f'field "keys.{key}" must be an expression or {{expression: scale}}')
    sides = ("Left", "Right") if "{S}" in key else ("",)
    found: dict[tuple[str, str], Targets] = {}
    for side in sides:
        spelling = readings(words_of(key.replace("{S}", f"_{side}")))[0]
        filled = {t.replace("{S}", side): float(scale) for t, scale in targets.items()}
        for target in filled:
            if target not in bridge.coefficients.EXPRESSION_INDEX:
                raise _bad(name, f'field "keys.{key}" names an unknown expression "{target}"')
        found[spelling.core, spelling.side] = filled
    return found


def match_names(names: Iterable[str], preset: Preset) -> dict[str, NameMatch]:
    """Look names up in a preset, whatever their case, separators, side marks and prefixes.

    Parameters
    ----------
    names : iterable of str
        Shape key names of one mesh.
    preset : Preset
        The convention.

    Returns
    -------
    dict of str to NameMatch
        Only the names that the preset has. A key without a side drives both sides of an entry
        that has sides; a key with a side drives half of an entry without.
    """
    listed = list(names)
    shared = shared_prefixes(listed)
    found = {}
    for name in listed:
        match = _match(name, preset, shared)
        if match is not None:
            found[name] = match
    return found


def _match(name: str, preset: Preset, shared: tuple[tuple[str, ...], ...]) -> NameMatch | None:
    for words, confidence in _variants(name, preset, shared):
        for spelling in readings(words):
            targets = _look_up(spelling, preset)
            if targets is not None:
                return NameMatch(targets, confidence)
    return None


def _variants(
    name: str, preset: Preset, shared: tuple[tuple[str, ...], ...]
) -> list[tuple[tuple[str, ...], float]]:
    """Return candidates for the name without prefix and suffix, with the confidence of a match."""
    folded = name.lower()
    for suffix in preset.suffixes:
        if folded.endswith(suffix.lower()):
            name, folded = name[: -len(suffix)], folded[: -len(suffix)]
    words = words_of(name)
    found = [(words, 1.0)]
    found += [
        (words_of(name[len(p) :]), 1.0) for p in preset.prefixes if folded.startswith(p.lower())
    ]
    found += [(words[len(p) :], 0.95) for p in shared if words[: len(p)] == p]
    # An unknown prefix: at least two words must remain, for one alone is ambiguous.
    found += [(words[i:], 0.85) for i in range(1, len(words) - 1)]
    return [(rest, confidence) for rest, confidence in found if rest]


def _look_up(spelling: Spelling, preset: Preset) -> Targets | None:
    core, side = spelling.core, spelling.side
    if (core, side) in preset.keys:
        return preset.keys[core, side]
    if side and (core, "") in preset.keys:
        return {target: 0.5 * scale for target, scale in preset.keys[core, ""].items()}
    if not side and (core, "L") in preset.keys and (core, "R") in preset.keys:
        left, right = preset.keys[core, "L"], preset.keys[core, "R"]
        if not (_DIRECTIONS & {*left, *right}):
            return {t: max(left.get(t, 0.0), right.get(t, 0.0), key=abs) for t in {**left, **right}}
    if preset.trailing_words and len(spelling.words) > 1:
        shorter = spelling.words[:-1]
        return _look_up(Spelling("".join(shorter), side, shorter), preset)
    return None


def best_preset(names: Iterable[str]) -> tuple[Preset | None, dict[str, NameMatch]]:
    """Return the preset that matches most of the names, and its matches.

    Parameters
    ----------
    names : iterable of str
        Shape key names of one mesh, without the reference key.

    Returns
    -------
    preset : Preset or None
        None when no preset has any of the names.
    matches : dict of str to NameMatch
        As `match_names` gives them.
    """
    listed = list(names)
    best: Preset | None = None
    matches: dict[str, NameMatch] = {}
    score = 0.0
    for preset in all_presets():
        found = match_names(listed, preset)
        total = sum(match.confidence for match in found.values())
        if total > score + 1e-9:
            best, matches, score = preset, found, total
    return best, matches
