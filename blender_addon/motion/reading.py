# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the backend make the clips of a source, one after the other. No bpy here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..backend.command_run import DONE, RUNNING, CommandStatus
from .motion_command import ClipOrder, ClipRun


class Reading:
    """The clips on their way; those that are here already are not made again.

    Parameters
    ----------
    orders : sequence of ClipOrder
    start : callable
        Starts the backend's command for one of them.
    """

    def __init__(self, orders: Sequence[ClipOrder], start: Callable[[ClipOrder], ClipRun]) -> None:
        self.notes: tuple[str, ...] = ()
        self._left = [order for order in orders if not order.out.is_file()]
        self._start = start
        self._run: ClipRun | None = None
        self._next()

    def _next(self) -> None:
        self._run = self._start(self._left.pop(0)) if self._left else None

    @property
    def status(self) -> CommandStatus:
        """Where the clip in hand is; "done" once all are here."""
        if self._run is None:
            return CommandStatus(DONE, 1.0, "The motion is here")
        status = self._run.status
        if status.state == DONE and self._left:
            return CommandStatus(RUNNING, 0.0, "Starting")
        return status

    def step(self) -> CommandStatus:
        """Go on to the next clip where one is finished, and return the status."""
        if self._run is not None and self._run.status.state == DONE:
            self.notes += self._run.notes
            self._next()
        return self.status

    def cancel(self) -> None:
        """Stop; nothing that follows is started."""
        self._left.clear()
        if self._run is not None:
            self._run.cancel()
