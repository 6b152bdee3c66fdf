# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans a bake in a thread, so that Blender stays usable. No bpy here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from ... import bridge
from .bake_plan import BakeOrder, BakePlan, plan


@dataclass(frozen=True)
class ClipFiles:
    """The motion clip to bake, and the voice's that is laid over its mouth, if any.

    Attributes
    ----------
    clip : Path
    begin : float
        Seconds of the media before the clip's first frame.
    voice : Path or None
        Clip of the voice, from the media's first second on.
    voice_share : float
        0..1, how much of the mouth is the voice's.
    """

    clip: Path
    begin: float = 0.0
    voice: Path | None = None
    voice_share: float = 1.0

    def load(self) -> bridge.motion_clip.MotionClip:
        """Return the clip, mixed.

        Raises
        ------
        HeatError
            A file is no clip, or the two do not overlap.
        """
        clip = bridge.motion_clip.load(self.clip)
        if self.voice is None:
            return clip
        voice, share = bridge.motion_clip.load(self.voice), {"mouth": self.voice_share}
        return bridge.motion_mix.laid_over(clip, voice, share, -self.begin)


class PlanRun:
    """A plan on its way.

    Parameters
    ----------
    order : BakeOrder
    clips : ClipFiles
    """

    def __init__(self, order: BakeOrder, clips: ClipFiles) -> None:
        self.fraction = 0.0
        self._order, self._clips = order, clips
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
            self._result = plan(self._order, self._clips.load(), self._told)
        except Exception as error:  # raised again where the result is asked for
            self._error = error

    def _told(self, fraction: float) -> None:
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("Stopped: nothing was baked")
        self.fraction = fraction
