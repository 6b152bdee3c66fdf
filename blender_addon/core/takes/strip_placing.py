# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides where a new take goes in a sequencer, and what becomes of older takes. No bpy here.

The least destructive choice that still leaves the new take in plain sight:

1. An older strip of the same portrait, of the same kind, start and length, is given the new
   files; whatever was done to it (effects, transform, keyframes) stays.
2. An older strip that the new take covers wholly, and that no effect or meta strip uses, is
   replaced: the new strip takes its channel and its look. Its files stay on disk.
3. Any other older strip stays as it is, and the new take lies on a channel above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_CHANNELS = 128


@dataclass(frozen=True)
class Span:
    """One strip as far as placing goes.

    Attributes
    ----------
    channel : int
        From 1.
    start, end : int
        First frame shown, and the first not shown any more.
    older : bool
        An older take of the same portrait.
    same_kind : bool
        Of the kind (pictures or movie) that is to be placed.
    untrimmed : bool
        Shows all its frames, as it was placed.
    in_use : bool
        An effect strip takes it as input.
    visual : bool
        Shows something; a sound does not.
    """

    channel: int
    start: int
    end: int
    older: bool = False
    same_kind: bool = True
    untrimmed: bool = True
    in_use: bool = False
    visual: bool = True


@dataclass(frozen=True)
class Placing:
    """What to do.

    Attributes
    ----------
    refill : int or None
        Number of the strip that gets the new files in place.
    remove : tuple of int
        Numbers of the strips to remove.
    channel : int
        Channel for the new strip, where there is none to refill.
    look_of : int or None
        Number of the removed strip whose look the new one inherits.
    """

    refill: int | None
    remove: tuple[int, ...]
    channel: int
    look_of: int | None


def place(spans: Sequence[Span], start: int, end: int) -> Placing:
    """Decide for a take that covers frames `start` to `end` (not included).

    Parameters
    ----------
    spans : sequence of Span
        All strips of the sequencer; results refer to them by number.
    start, end : int
        The new take; negative frames are fine.
    """
    touching = [i for i, s in enumerate(spans) if s.start < end and start < s.end]
    older = [i for i in touching if spans[i].older]
    for i in older:
        same = spans[i].same_kind and (spans[i].start, spans[i].end) == (start, end)
        if same and spans[i].untrimmed and _tops(spans, touching, i):
            return Placing(i, (), spans[i].channel, None)
    covered = [
        i for i in older if not spans[i].in_use and start <= spans[i].start and spans[i].end <= end
    ]
    kept = [spans[i] for i in touching if i not in covered]
    kept_older = [span for span in kept if span.older]
    if covered and not kept_older:
        top = max(covered, key=lambda i: spans[i].channel)
        if all(span.channel != spans[top].channel for span in kept):
            return Placing(None, tuple(covered), spans[top].channel, top)
    look = max(covered, key=lambda i: spans[i].channel) if covered else None
    return Placing(None, tuple(covered), _above(kept), look)


def _tops(spans: Sequence[Span], touching: Sequence[int], number: int) -> bool:
    """Whether no other older take lies over this one."""
    return not any(
        spans[i].older and spans[i].channel > spans[number].channel for i in touching if i != number
    )


def _above(kept: Sequence[Span]) -> int:
    """Return the lowest free channel above everything that shows; a lower free one at the limit."""
    taken = {span.channel for span in kept}
    floor = max((span.channel for span in kept if span.visual), default=0)
    for channel in range(floor + 1, MOST_CHANNELS + 1):
        if channel not in taken:
            return channel
    return next((c for c in range(MOST_CHANNELS, 0, -1) if c not in taken), MOST_CHANNELS)
