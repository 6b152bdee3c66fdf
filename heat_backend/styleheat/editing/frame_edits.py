# SPDX-License-Identifier: GPL-3.0-or-later
"""The edits of one frame: those applied live, and the two inverted keys that it lies between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.edit_cost import DECIMALS, EditKeys, inverted_anew

Amounts = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class FrameEdits:
    """The edits of a frame.

    Attributes
    ----------
    live : tuple of (name, amount)
        Latent edits, which cost little and are done anew whenever they change.
    before, after : tuple of (name, amount)
        Edits that are inverted anew, at the keys on both sides of the frame.
    share : float
        How far it is from ``before`` to ``after``, 0..1.
    """

    live: Amounts = ()
    before: Amounts = ()
    after: Amounts = ()
    share: float = 0.0

    @classmethod
    def held(cls, edits: Mapping[str, float], keep_identity: bool = False) -> FrameEdits:
        """Return the edits of a frame outside a clip."""
        anew = set(inverted_anew(edits, keep_identity))
        key = amounts({n: round(v, DECIMALS) for n, v in edits.items() if n in anew})
        return cls(amounts({n: v for n, v in edits.items() if n not in anew}), key, key)

    @classmethod
    def between(cls, keys: EditKeys, frame: int, edits: Mapping[str, float]) -> FrameEdits:
        """Return the edits of a frame of a clip.

        Parameters
        ----------
        keys : EditKeys
            Of the clip.
        frame : int
        edits : mapping
            The clip's at that frame.
        """
        first, last, share = keys.place(frame)
        live = amounts({n: v for n, v in edits.items() if n not in keys.names})
        before, after = amounts(keys.edits(first)), amounts(keys.edits(last))
        return cls(live, before, after, share if before != after else 0.0)


NOTHING = FrameEdits()


def amounts(edits: Mapping[str, float]) -> Amounts:
    """Return edits sorted by name, without those that are 0."""
    return tuple(sorted((name, float(value)) for name, value in edits.items() if value))
