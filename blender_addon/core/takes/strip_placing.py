# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides the channel of a new take in a sequencer, and which older strips it replaces.

The least destructive choice that still shows the new take:

1. An older strip of the same portrait, kind, start and length gets the new files; effects,
   transform and keyframes on it stay.
2. An older strip that the new take covers wholly, and that no effect or meta strip uses, is
   replaced: the new strip takes its channel and settings. Its files stay on disk.
3. Any other older strip stays, and the new take is placed on a channel above it.

No bpy here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_CHANNELS = 128  # Blender's limit


@dataclass(frozen=True)
class Span:
    """The properties of a strip that placing depends on.

    Attributes
    ----------
    channel : int
        From 1.
    start, end : int
        First frame shown, and the frame after the last.
    older : bool
        An older take of the same portrait.
    same_kind : bool
        Of the kind (image sequence or movie) of the new take.
    untrimmed : bool
        Shows all its frames, as it was placed.
    in_use : bool
        Input of an effect strip.
    visual : bool
        Not a sound strip.
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
    """How to place a take.

    Attributes
    ----------
    refill : int or None
        Index of the strip whose files are replaced, or None.
    remove : tuple of int
        Indices of the strips to remove.
    channel : int
        Channel of the new strip, if none is refilled.
    look_of : int or None
        Index of the removed strip whose settings the new one takes over.
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
        All strips of the sequencer; results are indices into them.
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
    """Return whether no other older take is above this one."""
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
