# SPDX-License-Identifier: GPL-3.0-or-later
"""Per-frame inference for one portrait, with fallbacks where memory runs out.

Mapping windows are halved in number, then calibration and generator go to half precision; on CUDA
a frame is a captured graph, and the next frame of a clip is prefetched.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heat_backend.styleheat.driving.cuda_graph import CaptureStrategy, FrameGraph, PendingFrame
from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait
from heat_backend.styleheat.editing.frame_edits import NOTHING, FrameEdits
from heat_backend.styleheat.networks.device_memory import is_out_of_memory, report_out_of_memory

WINDOW_BATCH = 64  # windows mapped at once; halved each time that memory runs out
HALF_PRECISION_NOTE = "memory ran short: this portrait is computed in half precision from here on"

PreparePortrait = Callable[[FrameEdits, bool], PreparedPortrait]


class CapturedPortrait:
    """A prepared portrait; on CUDA its frame is captured as a graph and replayed.

    Parameters
    ----------
    portrait : PreparedPortrait
    device : str
    capture : CaptureStrategy
    once : bool
        It may be drawn only once, as a frame between two keys is: captured at the second frame.
    """

    def __init__(
        self, portrait: PreparedPortrait, device: str, capture: CaptureStrategy, once: bool = False
    ) -> None:
        self.portrait = portrait
        self._once = once
        self._device = device
        self._capture: CaptureStrategy | None = capture
        self._graph: FrameGraph | None = None
        self._pending: tuple[bytes, PendingFrame] | None = None

    def picture(self, descriptor: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Draw the crop (1024, 1024, 3) under a descriptor (256,)."""
        if self._once:
            self._once = False
            return self.portrait.picture(_column(descriptor).to(self._device))
        if self._capture is not None:
            self._graph = self._capture.capture_graph(self.portrait)
            self._capture = None
        if self._graph is None:
            return self.portrait.picture(_column(descriptor).to(self._device))
        if self._pending is not None and self._pending[0] == descriptor.tobytes():
            result = self._graph.fetch(self._pending[1])
            self._pending = None
            if result is not None:
                return result
        return self._graph.picture(_column(descriptor))

    def prefetch(self, descriptor: NDArray[np.float32]) -> None:
        """Start the frame that :meth:`picture` will probably draw next, given a graph."""
        if self._graph is not None:
            self._pending = descriptor.tobytes(), self._graph.begin(_column(descriptor))


def _column(descriptor: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(descriptor, np.float32))[:, None]  # (256,) -> (256,1)


class NetworkDriver:
    """See :class:`heat_backend.styleheat.portrait.Driver`.

    Parameters
    ----------
    make : callable (edits, half precision)
        Prepares the portrait under edits.
    device : str
    half : bool
        Compute in half precision from the start.
    """

    def __init__(self, make: PreparePortrait, device: str, half: bool) -> None:
        self._make = make
        self._device = device
        self._half = half
        self._batch = WINDOW_BATCH
        self._unedited: CapturedPortrait | None = None
        # Only the newest edit is kept: each holds the generator's weights once more.
        self._edited: tuple[FrameEdits, CapturedPortrait] | None = None
        self._capture = CaptureStrategy(device)
        self._notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user about fallbacks in use."""
        return self._notes + self._capture.notes

    def descriptors(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map motion windows (T, 73, 27) to descriptors (T, 256)."""
        done: list[NDArray[np.float32]] = []
        first = 0
        with report_out_of_memory(self._device):
            while first < len(windows):
                try:
                    part = windows[first : first + self._batch]
                    result = self._prepared(NOTHING).portrait.descriptors(part)
                    done.append(result.flatten(1).cpu().numpy())  # (n,256,1) -> (n,256)
                    first += len(part)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error) or self._batch == 1:
                        raise
                    self._batch //= 2
        return np.concatenate(done)

    def picture(
        self, descriptor: NDArray[np.float32], frame_edits: FrameEdits = NOTHING
    ) -> NDArray[np.uint8]:
        """Draw the crop (1024, 1024, 3) under one descriptor (256,) and some edits.

        Raises
        ------
        MissingHere
            When memory does not suffice even for half precision.
        UsageError
            An edit is unknown.
        """
        with report_out_of_memory(self._device):
            try:
                return self._drawn(descriptor, frame_edits)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self._half:
                    raise
            self._switch_to_half()
            return self._drawn(descriptor, frame_edits)

    def _drawn(self, descriptor: NDArray[np.float32], frame_edits: FrameEdits) -> NDArray[np.uint8]:
        return self._prepared(frame_edits).picture(descriptor)

    def prefetch(self, descriptor: NDArray[np.float32], frame_edits: FrameEdits = NOTHING) -> None:
        """Start the frame that will probably be drawn next; on CUDA it is computed meanwhile.

        Nothing is started that needs another portrait prepared, or when memory runs out.
        """
        ready = self._unedited if frame_edits == NOTHING else None
        if self._edited is not None and self._edited[0] == frame_edits:
            ready = self._edited[1]
        if ready is None:
            return
        try:
            ready.prefetch(descriptor)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise

    def _switch_to_half(self) -> None:
        self._half = True
        self._unedited = self._edited = None
        if self._device == "cuda":
            torch.cuda.empty_cache()
        self._notes = (*self._notes, HALF_PRECISION_NOTE)

    def _prepared(self, frame_edits: FrameEdits) -> CapturedPortrait:
        if frame_edits == NOTHING:
            if self._unedited is None:
                self._unedited = CapturedPortrait(
                    self._make(frame_edits, self._half), self._device, self._capture
                )
            return self._unedited
        if self._edited is None or self._edited[0] != frame_edits:
            self._edited = None
            captured = CapturedPortrait(
                self._make(frame_edits, self._half), self._device, self._capture, once=True
            )
            self._edited = (frame_edits, captured)
        return self._edited[1]
