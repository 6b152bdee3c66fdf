# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans a bake in a thread, so that Blender stays usable. No bpy here."""

from __future__ import annotations

import threading
from pathlib import Path

from .. import bridge
from .bake_plan import BakeOrder, BakePlan, plan


class PlanRun:
    """A plan on its way.

    Parameters
    ----------
    order : BakeOrder
    clip : Path
        File of the motion clip.
    """

    def __init__(self, order: BakeOrder, clip: Path) -> None:
        self.fraction = 0.0
        self._order, self._clip = order, clip
        self._result: BakePlan | None = None
        self._error: Exception | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heat-bake", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether there is a result, or an error."""
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Stop soon."""
        self._cancelled.set()

    def result(self) -> BakePlan:
        """Wait for the plan.

        Raises
        ------
        Cancelled
            It was stopped.
        HeatError
            The clip cannot be read, or nothing would be baked.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            self._result = plan(self._order, bridge.motion_clip.load(self._clip), self._told)
        except Exception as error:  # raised again where the result is asked for
            self._error = error

    def _told(self, fraction: float) -> None:
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("Stopped: nothing was baked")
        self.fraction = fraction
