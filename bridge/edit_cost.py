# SPDX-License-Identifier: GPL-3.0-or-later
"""What keyed edits cost where the edited photo is inverted again: at which frames it is.

Engines whose capability ``inverts_edits`` is set do so; see ``bridge.engine_description``.

Edits of shape, colours and light change the photo, which is then inverted again. That takes long,
so it is done at some frames only, between which codes and features are interpolated. Both the
backend, which does it, and whoever wants to know beforehand what it costs ask here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .edits import EDIT_BY_NAME, SHAPE
from .errors import BadInput

MOST_KEYS = 24
"""Frames at most at which a clip's edited photo is inverted."""
TOLERANCE = 0.02
"""Share of an edit's range by which an interpolated value may be off."""
SHAPE_STEP = 1.5
"""Standard deviations that a shape may change from one inversion to the next: farther apart,
interpolated features would show two outlines."""
_LATENT_RANGE = 2.0  # -1 to 1
DECIMALS = 3
"""To which values are rounded, so that equal ones are found again."""


@dataclass(frozen=True, eq=False)
class EditKeys:
    """Frames at which a clip's edited photo is inverted.

    Attributes
    ----------
    names : tuple of str
        The edits that have to do with it; E of them.
    frames : (K,) int
        Indices into the clip, ascending; the first and the last frame are among them.
    values : (K, E) float32
        The edits there.
    rough : bool
        The edits move so much that ``MOST_KEYS`` inversions follow them only roughly.
    """

    names: tuple[str, ...]
    frames: NDArray[np.intp]
    values: NDArray[np.float32]
    rough: bool = False

    @property
    def inversions(self) -> int:
        """How many inversions are needed; all edits at 0 need none, equal ones one."""
        distinct = np.unique(self.values, axis=0)
        return int(distinct.any(axis=1).sum())

    def edits(self, key: int) -> dict[str, float]:
        """Return the edits at a key, without those that are 0."""
        row = zip(self.names, self.values[key], strict=True)
        return {name: round(float(value), DECIMALS) for name, value in row if value}

    def place(self, frame: int) -> tuple[int, int, float]:
        """Return the keys before and after a frame, and how far it is from one to the other."""
        after = int(np.searchsorted(self.frames, frame))
        if after >= len(self.frames) or self.frames[after] == frame:
            after = min(after, len(self.frames) - 1)
            return after, after, 0.0
        first, last = self.frames[after - 1], self.frames[after]
        return after - 1, after, float((frame - first) / (last - first))


def inverted_anew(names: Iterable[str], attributes_too: bool = False) -> tuple[str, ...]:
    """Return those edits that need an inversion of their own.

    Parameters
    ----------
    names : iterable of str
    attributes_too : bool
        Attributes are refined against the photo, which takes as long as an inversion.
    """
    return tuple(name for name in names if attributes_too or name in EDIT_BY_NAME)


def edit_keys(values: ArrayLike, names: Sequence[str], attributes_too: bool = False) -> EditKeys:
    """Choose the frames at which an edited photo is inverted: where its edits' curves bend.

    Parameters
    ----------
    values : (T, E) array
        The edits in each frame.
    names : sequence of E str
        Their names; those that need no inversion are left out.
    attributes_too : bool
        See :func:`inverted_anew`.

    Raises
    ------
    BadInput
        A value is not finite, or there are more or fewer columns than names.
    """
    table = np.asarray(values, np.float32)
    if table.ndim != 2 or table.shape[1] != len(names) or not len(table):
        raise BadInput(f"edits: shape {table.shape} where (frames, {len(names)}) is needed")
    if not np.isfinite(table).all():
        raise BadInput("edits: a value is not a finite number")
    chosen = inverted_anew(names, attributes_too)
    columns = [list(names).index(name) for name in chosen]
    table = np.round(table[:, columns], DECIMALS) + 0.0  # -0 becomes 0
    tolerance = np.array([TOLERANCE * _span(name) for name in chosen])
    frames, rough = _bends(table, tolerance)
    frames, cramped = _stepped(table, frames, [_is_shape(name) for name in chosen])
    return EditKeys(chosen, np.array(frames), table[frames], rough or cramped)


def summary(keys: EditKeys, seconds: float | None = None) -> str:
    """Put the cost into a line; empty where there is none.

    Parameters
    ----------
    keys : EditKeys
    seconds : float, optional
        What one inversion takes on the machine that will do it.
    """
    count = keys.inversions
    if not count:
        return ""
    line = f"{count} inversion{'s' if count > 1 else ''} of the edited photo"
    if seconds is not None:
        line += f", about {_duration(count * seconds)}"
    if keys.rough:
        line += f"; the edits move more than {MOST_KEYS} inversions can follow exactly"
    return line


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _span(name: str) -> float:
    edit = EDIT_BY_NAME.get(name)
    return _LATENT_RANGE if edit is None else edit.high - edit.low


def _is_shape(name: str) -> bool:
    edit = EDIT_BY_NAME.get(name)
    return edit is not None and edit.group == SHAPE


def _bends(table: NDArray[np.float32], tolerance: NDArray[np.float64]) -> tuple[list[int], bool]:
    """Add the frame that straight lines miss by most, until none is missed by too much."""
    last = len(table) - 1
    frames = sorted({0, last})
    every = np.arange(len(table))
    while table.shape[1]:
        drawn = np.stack([np.interp(every, frames, column[frames]) for column in table.T], axis=1)
        missed = (np.abs(table - drawn) / tolerance).max(axis=1)
        worst = int(missed.argmax())
        if missed[worst] <= 1.0:
            break
        if len(frames) >= MOST_KEYS:
            return frames, True
        frames = sorted({*frames, worst})
    return frames, False


def _stepped(
    table: NDArray[np.float32], frames: list[int], is_shape: list[bool]
) -> tuple[list[int], bool]:
    """Add frames where a shape changes far from one key to the next."""
    cramped = False
    found = list(frames)
    for first, last in itertools.pairwise(frames):
        change = np.abs(table[last] - table[first])[is_shape].max(initial=0.0)
        parts = min(int(np.ceil(change / SHAPE_STEP - 1e-6)), last - first)
        if parts < 2:
            continue
        cramped |= len(found) + parts - 1 > MOST_KEYS
        between = np.linspace(first, last, parts + 1)[1:-1].round().astype(int)
        found += between[: max(0, MOST_KEYS - len(found))].tolist()
    return sorted(set(found)), cramped
