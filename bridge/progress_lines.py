# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a command as JSON lines: what ``--json-progress`` prints and Blender reads.

Every line is one object with a field ``step``:

``prepare``
    ``what`` (text) and ``fraction`` (0..1) of the preparation.
``file``
    ``what`` (text), and ``done`` of ``total`` bytes fetched or read; ``total`` -1: unknown.
``render``
    ``done`` of ``total`` frames, and ``seconds_left`` (null while unknown).
``note``
    ``text`` for the user, before the work.
``done``
    The last line: the summary, such as ``out`` (the file written) and ``notes`` (list of text).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

STEPS = ("prepare", "file", "render", "note", "done")


@dataclass(frozen=True)
class Amount:
    """How far a command has come.

    Attributes
    ----------
    step : str
        "prepare", "file" or "render".
    what : str
        What is being done; "" where the line does not say.
    done, total : float
        Fraction and 1 for "prepare", bytes for "file" (total -1: unknown), frames for "render".
    """

    step: str
    what: str
    done: float
    total: float

    @property
    def fraction(self) -> float:
        """The part that is done, 0..1; 0 while the total is unknown."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


def format_line(step: str, **values: object) -> str:
    """Return one line, without its end, for a step of ``STEPS``."""
    return json.dumps({"step": step, **values}, ensure_ascii=False)


def parse_line(line: str) -> dict[str, Any]:
    """Return the object of a line; empty where the line is none."""
    try:
        values = json.loads(line)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def parse_amount(line: str) -> Amount | None:
    """Return how far the command has come by a line, or None where the line does not say it."""
    values = parse_line(line)
    step = values.get("step")
    try:
        if step == "prepare":
            return Amount(step, str(values["what"]), float(values["fraction"]), 1.0)
        if step in {"file", "render"}:
            done, total = int(values["done"]), int(values["total"])
            return Amount(str(step), str(values.get("what") or ""), done, total)
    except (ValueError, KeyError, TypeError):
        pass
    return None


def parse_notes(line: str) -> tuple[str, ...] | None:
    """Return the notes of the last line ("done"), or None for any other line."""
    values = parse_line(line)
    return tuple(map(str, values.get("notes") or ())) if values.get("step") == "done" else None
