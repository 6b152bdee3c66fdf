# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of a render: a clip for every engine, or a motion in one engine's own values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.motion_clip import MotionClip

if TYPE_CHECKING:
    from heat_backend.engines.protocol import Portrait


@dataclass(frozen=True)
class Motion:
    """A motion clip, which drives the portraits of every engine.

    An engine's ``MotionFormat`` reads files as a subclass, whose clip may tell no more than length
    and rate.

    Attributes
    ----------
    clip : MotionClip
    """

    clip: MotionClip

    @property
    def key(self) -> str:
        """What the fingerprint of a shot needs besides the clip; empty for a plain clip."""
        return ""

    def onto(self, portrait: Portrait) -> Portrait:
        """Return the portrait as this motion drives it.

        Raises
        ------
        UsageError
            When the portrait's engine does not take such a motion.
        """
        return portrait
