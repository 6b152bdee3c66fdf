# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame's work on CUDA as one recorded graph, copied to the host while the next runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heat_backend.styleheat.fast.portrait import PreparedPortrait


@dataclass(frozen=True)
class Begun:
    """A frame that the device is at, or has done."""

    slot: int
    turn: int


class FrameGraph:
    """One frame's work on CUDA, recorded once and played again for each descriptor.

    The GPU gets a whole frame in one call instead of some two hundred, and the colours travel to
    pinned memory on a stream of their own while the next frame is computed.

    Parameters
    ----------
    portrait : PreparedPortrait
    colours : callable, optional
        Draws the portrait's frame, as ``portrait.colours`` does, perhaps compiled.
    """

    SLOTS = 3
    """Frames at a time: one being copied, one computed, and one for a preview in between."""

    def __init__(
        self, portrait: PreparedPortrait, colours: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        draw = portrait.colours if colours is None else colours
        device = portrait.place.device
        with torch.inference_mode():
            self._descriptor = torch.zeros(1, 256, 1, device=device)
            self._copies = torch.cuda.Stream(device)
            warm = torch.cuda.Stream(device)
            warm.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(warm):
                for _ in range(3):  # kernels are chosen and memory is found before recording
                    draw(self._descriptor)
            torch.cuda.current_stream(device).wait_stream(warm)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._colours = draw(self._descriptor)  # (size,size,3) uint8
            shape = self._colours.shape
            self._device = [torch.empty_like(self._colours) for _ in range(self.SLOTS)]
            self._host = [
                torch.empty(shape, dtype=torch.uint8, pin_memory=True) for _ in range(self.SLOTS)
            ]
        self._arrived = [torch.cuda.Event() for _ in range(self.SLOTS)]
        self._turn = 0

    @torch.inference_mode()
    def begin(self, descriptor: Tensor) -> Begun:
        """Set the device to work on a descriptor (256, 1); returns before the frame is done."""
        self._turn += 1
        slot = self._turn % self.SLOTS
        self._descriptor.copy_(descriptor.reshape(1, -1, 1), non_blocking=True)
        self._graph.replay()
        # A frame begun there and never fetched may still be on its way to the host.
        torch.cuda.current_stream().wait_event(self._arrived[slot])
        self._device[slot].copy_(self._colours)
        self._copies.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._copies):
            self._host[slot].copy_(self._device[slot], non_blocking=True)
            self._arrived[slot].record()
        return Begun(slot, self._turn)

    def fetch(self, begun: Begun) -> NDArray[np.uint8] | None:
        """Wait for a frame (size, size, 3); None when later ones have taken its place."""
        if self._turn - begun.turn >= self.SLOTS:
            return None
        self._arrived[begun.slot].synchronize()
        return self._host[begun.slot].numpy().copy()

    def picture(self, descriptor: Tensor) -> NDArray[np.uint8]:
        """Draw one frame, (size, size, 3) uint8."""
        found = self.fetch(self.begin(descriptor))
        assert found is not None
        return found
