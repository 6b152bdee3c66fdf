# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimates the frame rate of a running job and its remaining time."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Frames a second of one run.

    The first frame that is made counts for nothing: it waits for the engine to warm up.

    Parameters
    ----------
    clock : callable
        Seconds, rising.

    Attributes
    ----------
    skipped : int
        Frames that were there before.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._warm: tuple[float, int] | None = None
        self._rate: float | None = None
        self.skipped: int | None = None

    def note(self, done: int) -> float | None:
        """Take in that ``done`` frames are there.

        Returns
        -------
        float or None
            Frames a second; None while that is not known.
        """
        now = self._clock()
        if self.skipped is None:
            self.skipped = done
        elif self._warm is None:
            if done > self.skipped:
                self._warm = (now, done)
        elif done > self._warm[1] and now > self._warm[0]:
            self._rate = (done - self._warm[1]) / (now - self._warm[0])
        return self._rate
