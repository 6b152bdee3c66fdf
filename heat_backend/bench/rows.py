# SPDX-License-Identifier: GPL-3.0-or-later
"""One measured number of the benchmark, and how to take a median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One line of the benchmark.

    Attributes
    ----------
    what : str
        What was measured, for people.
    median : float
        Median of the samples, in ``unit``.
    unit : str
        ``"ms"``, ``"s"``, ``"%"``, ``"x"``, ``"MiB"`` ...
    target : float or None
        The number to reach; None where there is none.
    at_most : bool
        True where the median must not exceed the target, False where it must reach it.
    note : str
        What a reader must know about the number.
    """

    what: str
    median: float
    unit: str
    target: float | None = None
    at_most: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return self.median <= self.target if self.at_most else self.median >= self.target

    def as_dict(self) -> dict[str, object]:
        """Give the row as plain values, with ``met``."""
        return {**asdict(self), "met": self.met}


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out for people."""
    lines = [f"{'what':<58} {'median':>10} {'target':>12}  met"]
    for row in rows:
        target = "" if row.target is None else f"{'<=' if row.at_most else '>='} {row.target:g}"
        met = {None: "", True: "yes", False: "NO"}[row.met]
        lines.append(f"{row.what:<58} {row.median:>7.2f} {row.unit:<2} {target:>12}  {met}")
        if row.note:
            lines.append(f"    {row.note}")
    return "\n".join(lines)


def medians_ms(
    actions: Sequence[Callable[[], object]], repeats: int, warm_up: int = 2
) -> list[float]:
    """Median wall time of each action in milliseconds over ``repeats`` calls.

    The actions take turns, so that whatever else the machine does slows all of them alike and
    their ratio holds.
    """
    samples: list[list[float]] = [[] for _ in actions]
    for turn in range(warm_up + repeats):
        for action, taken in zip(actions, samples, strict=True):
            start = time.perf_counter()
            action()
            if turn >= warm_up:
                taken.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(taken) for taken in samples]
