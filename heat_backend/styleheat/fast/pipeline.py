# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a clip one after another; on CUDA as one recorded graph, copied while the next runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heat_backend.styleheat.fast.portrait import PreparedPortrait


def pictures(portrait: PreparedPortrait, descriptors: Tensor) -> Iterator[NDArray[np.uint8]]:
    """Render descriptors (N, 256, 1) to colours.

    Yields
    ------
    ndarray
        (size, size, 3) uint8; the caller may keep it.
    """
    if portrait.place.device.type != "cuda":
        for descriptor in descriptors:
            yield portrait.picture(descriptor)
        return
    graph = FrameGraph.recorded(portrait)
    if graph is None:
        for descriptor in descriptors:
            yield portrait.picture(descriptor)
        return
    yield from graph.pictures(descriptors)


class FrameGraph:
    """One frame's work on CUDA, recorded once and played again for each descriptor.

    The GPU gets a whole frame in one call instead of some two hundred, and the colours travel to
    pinned memory on a stream of their own while the next frame is computed.
    """

    SLOTS = 2

    def __init__(self, portrait: PreparedPortrait) -> None:
        device = portrait.place.device
        self._descriptor = torch.zeros(1, 256, 1, device=device)
        self._copies = torch.cuda.Stream(device)
        warm = torch.cuda.Stream(device)
        warm.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(warm):
            for _ in range(3):  # kernels are chosen and memory is found before recording
                portrait.colours(self._descriptor)
        torch.cuda.current_stream(device).wait_stream(warm)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._colours = portrait.colours(self._descriptor)  # (size,size,3) uint8
        shape = self._colours.shape
        self._device = [torch.empty_like(self._colours) for _ in range(self.SLOTS)]
        self._host = [
            torch.empty(shape, dtype=torch.uint8, pin_memory=True) for _ in range(self.SLOTS)
        ]
        self._arrived = [torch.cuda.Event() for _ in range(self.SLOTS)]

    @classmethod
    def recorded(cls, portrait: PreparedPortrait) -> FrameGraph | None:
        """Record a portrait's frame; None where this device or driver cannot."""
        try:
            return cls(portrait)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            return None

    @torch.inference_mode()
    def pictures(self, descriptors: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Play the recording for each descriptor (N, 256, 1)."""
        for index, descriptor in enumerate(descriptors):
            self._start(index % self.SLOTS, descriptor)
            if index > 0:
                yield self._finished((index - 1) % self.SLOTS)
        if len(descriptors) > 0:
            yield self._finished((len(descriptors) - 1) % self.SLOTS)

    def _start(self, slot: int, descriptor: Tensor) -> None:
        self._descriptor.copy_(descriptor.reshape(1, -1, 1), non_blocking=True)
        self._graph.replay()
        self._device[slot].copy_(self._colours)
        self._copies.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._copies):
            self._host[slot].copy_(self._device[slot], non_blocking=True)
            self._arrived[slot].record()

    def _finished(self, slot: int) -> NDArray[np.uint8]:
        self._arrived[slot].synchronize()
        return self._host[slot].numpy().copy()
