# SPDX-License-Identifier: GPL-3.0-or-later
"""One render at a time, first come first served.

A render uses every core or the whole GPU by itself, and some thread pools below it do not bear two
callers. In order of arrival, a preview waits for one frame of an export at most, and an export
goes on at half speed beside a preview.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from bridge.motion_clip import MotionClip
from heat_backend.engines.protocol import (
    CancelCheck,
    FrameDrawer,
    Portrait,
    never,
)


class FairLock:
    """A fair lock: a plain one would let a busy loop take it again and again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and hold it."""
        with self._guard:
            ticket = None
            if self._taken:
                ticket = threading.Lock()
                ticket.acquire()
                self._waiting.append(ticket)
            self._taken = True
        if ticket is not None:
            ticket.acquire()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._taken = False


def threads_must_not_overlap() -> bool:
    """Whether numba runs on its simplest thread pool, which ends the process at a second caller.

    It does where neither OpenMP nor TBB is at hand (a bare macOS).
    """
    numba = sys.modules.get("numba")
    try:
        return numba is not None and numba.threading_layer() == "workqueue"
    except ValueError:  # nothing has run in parallel yet
        return False


class LockedPortrait:
    """A portrait each of whose renders waits for its turn."""

    def __init__(self, portrait: Portrait, lock: FairLock) -> None:
        self._portrait = portrait
        self._lock = lock
        self.width = portrait.width
        self.height = portrait.height
        self.wants_neighbours = portrait.wants_neighbours
        self.digital_source_type = portrait.digital_source_type

    @property
    def notes(self) -> tuple[str, ...]:
        """The portrait's own, as they are by now."""
        return self._portrait.notes

    @property
    def inversion_seconds(self) -> float | None:
        """The portrait's own, None where it has none."""
        return self._portrait.inversion_seconds

    def check_edits(self, names: Iterable[str]) -> None:
        """Refuse what the portrait refuses."""
        self._portrait.check_edits(names)

    def edit_cost(self, clip: MotionClip) -> str:
        """Tell in a line what a clip's edits cost beforehand; empty where that is nothing."""
        return self._portrait.edit_cost(clip)

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render as the portrait does, in turn."""
        with self._lock.turn():
            return self._portrait.render(coefficients, out)

    def render_within(
        self,
        coefficients: Coefficients,
        neighbours: Sequence[Coefficients],
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Render within neighbours as the portrait does, in turn."""
        with self._lock.turn():
            return self._portrait.render_within(coefficients, neighbours, out)

    def clip_drawer(self, clip: MotionClip, cancelled: CancelCheck = never) -> FrameDrawer:
        """Return what draws the frames of a clip as the portrait does, each in turn."""
        with self._lock.turn():
            draw = self._portrait.clip_drawer(clip, cancelled)

        def draw_in_turn(index: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
            with self._lock.turn():
                return draw(index, out)

        return draw_in_turn
