# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the networks for one portrait, and goes on with less memory where there is little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heat_backend.styleheat.driving.cuda_graph import Begun, FrameGraph, FrameWays
from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait
from heat_backend.styleheat.editing.frame_edits import NOTHING, FrameEdits
from heat_backend.styleheat.memory import is_shortage, told_when_short

WINDOWS_AT_ONCE = 64
LIGHTER = "memory ran short: this portrait is computed in half precision from here on"

Maker = Callable[[FrameEdits, bool], PreparedPortrait]


class Ready:
    """A portrait made ready; on CUDA its frame is recorded and played after that.

    Parameters
    ----------
    portrait : PreparedPortrait
    device : str
    ways : FrameWays
    once : bool
        It may be drawn once only, as a frame between two keys is: recorded at the second time.
    """

    def __init__(
        self, portrait: PreparedPortrait, device: str, ways: FrameWays, once: bool = False
    ) -> None:
        self.portrait = portrait
        self._once = once
        self._device = device
        self._ways: FrameWays | None = ways
        self._graph: FrameGraph | None = None
        self._ahead: tuple[bytes, Begun] | None = None

    def picture(self, descriptor: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Draw the crop (1024, 1024, 3) under a descriptor (256,)."""
        if self._once:
            self._once = False
            return self.portrait.picture(_column(descriptor).to(self._device))
        if self._ways is not None:
            self._graph = self._ways.recorded(self.portrait)
            self._ways = None
        if self._graph is None:
            return self.portrait.picture(_column(descriptor).to(self._device))
        if self._ahead is not None and self._ahead[0] == descriptor.tobytes():
            found = self._graph.fetch(self._ahead[1])
            self._ahead = None
            if found is not None:
                return found
        return self._graph.picture(_column(descriptor))

    def expect(self, descriptor: NDArray[np.float32]) -> None:
        """Begin a frame that :meth:`picture` is likely asked for next, where that is possible."""
        if self._graph is not None:
            self._ahead = descriptor.tobytes(), self._graph.begin(_column(descriptor))


def _column(descriptor: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(descriptor, np.float32))[:, None]  # (256,) -> (256,1)


class NetworkDriver:
    """See :class:`heat_backend.styleheat.portrait.Driver`.

    Parameters
    ----------
    make : callable (edits, half precision)
        Makes the portrait ready.
    device : str
    half : bool
        Begin in half precision.
    """

    def __init__(self, make: Maker, device: str, half: bool) -> None:
        self._make = make
        self._device = device
        self._half = half
        self._at_once = WINDOWS_AT_ONCE
        self._plain: Ready | None = None
        # Only the newest edit is kept: each holds the generator's weights once more.
        self._edited: tuple[FrameEdits, Ready] | None = None
        self._ways = FrameWays(device)
        self._told: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how the portrait is computed by now."""
        return self._told + self._ways.notes

    def descriptors(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Describe motion: (T, 73, 27) to (T, 256)."""
        done: list[NDArray[np.float32]] = []
        first = 0
        with told_when_short(self._device):
            while first < len(windows):
                try:
                    part = windows[first : first + self._at_once]
                    found = self._prepared(NOTHING).portrait.descriptors(part)
                    done.append(found.flatten(1).cpu().numpy())  # (n,256,1) -> (n,256)
                    first += len(part)
                except (RuntimeError, MemoryError) as error:
                    if not is_shortage(error) or self._at_once == 1:
                        raise
                    self._at_once //= 2
        return np.concatenate(done)

    def picture(
        self, descriptor: NDArray[np.float32], asked: FrameEdits = NOTHING
    ) -> NDArray[np.uint8]:
        """Draw the crop (1024, 1024, 3) under one descriptor (256,) and some edits.

        Raises
        ------
        MissingHere
            When memory does not suffice even for half precision.
        UsageError
            An edit is unknown.
        """
        with told_when_short(self._device):
            try:
                return self._drawn(descriptor, asked)
            except (RuntimeError, MemoryError) as error:
                if not is_shortage(error) or self._half:
                    raise
            self._lighten()
            return self._drawn(descriptor, asked)

    def _drawn(self, descriptor: NDArray[np.float32], asked: FrameEdits) -> NDArray[np.uint8]:
        return self._prepared(asked).picture(descriptor)

    def expect(self, descriptor: NDArray[np.float32], asked: FrameEdits = NOTHING) -> None:
        """Begin the frame that is likely asked for next; on CUDA it is drawn meanwhile.

        Nothing is begun that would need another portrait made ready, nor where memory is short.
        """
        ready = self._plain if asked == NOTHING else None
        if self._edited is not None and self._edited[0] == asked:
            ready = self._edited[1]
        if ready is None:
            return
        try:
            ready.expect(descriptor)
        except (RuntimeError, MemoryError) as error:
            if not is_shortage(error):
                raise

    def _lighten(self) -> None:
        self._half = True
        self._plain = self._edited = None
        if self._device == "cuda":
            torch.cuda.empty_cache()
        self._told = (*self._told, LIGHTER)

    def _prepared(self, asked: FrameEdits) -> Ready:
        if asked == NOTHING:
            if self._plain is None:
                self._plain = Ready(self._make(asked, self._half), self._device, self._ways)
            return self._plain
        if self._edited is None or self._edited[0] != asked:
            self._edited = None
            made = Ready(self._make(asked, self._half), self._device, self._ways, once=True)
            self._edited = (asked, made)
        return self._edited[1]
