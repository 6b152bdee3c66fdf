# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame as a captured CUDA graph, copied to the host while the next frame is computed.

Capture is tried with ``torch.compile``, then without; where both fail, frames are drawn eagerly.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait, frame_pixels
from heat_backend.styleheat.networks.device_memory import is_out_of_memory


@dataclass(frozen=True)
class PendingFrame:
    """A frame that the device computes, or has computed: its buffer and its number."""

    slot: int
    number: int


class FrameGraph:
    """One frame's kernels, captured once and replayed for each descriptor.

    One launch replaces some two hundred, and the pixels are copied to pinned memory on a stream
    of their own while the next frame is computed.

    Parameters
    ----------
    portrait : PreparedPortrait
    pixels : callable, optional
        Draws the portrait's frame, as ``portrait.pixels`` does, perhaps compiled.
    """

    SLOTS = 3
    """Frames at a time: one being copied, one computed, and one for a preview in between."""

    def __init__(
        self, portrait: PreparedPortrait, pixels: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        draw = portrait.pixels if pixels is None else pixels
        device = portrait.place.device
        with torch.inference_mode():
            self._descriptor = torch.zeros(1, 256, 1, device=device)
            self._copies = torch.cuda.Stream(device)
            warm = torch.cuda.Stream(device)
            warm.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(warm):
                for _ in range(3):  # kernels are chosen and memory is allocated before capture
                    draw(self._descriptor)
            torch.cuda.current_stream(device).wait_stream(warm)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._pixels = draw(self._descriptor)  # (size,size,3) uint8
            shape = self._pixels.shape
            self._device = [torch.empty_like(self._pixels) for _ in range(self.SLOTS)]
            self._host = [
                torch.empty(shape, dtype=torch.uint8, pin_memory=True) for _ in range(self.SLOTS)
            ]
        self._copied = [torch.cuda.Event() for _ in range(self.SLOTS)]
        self._submitted = 0

    @torch.inference_mode()
    def begin(self, descriptor: Tensor) -> PendingFrame:
        """Launch the frame of a descriptor (256, 1); returns before it is computed."""
        self._submitted += 1
        slot = self._submitted % self.SLOTS
        self._descriptor.copy_(descriptor.reshape(1, -1, 1), non_blocking=True)
        self._graph.replay()
        # The slot's earlier frame, if never fetched, may still be being copied to the host.
        torch.cuda.current_stream().wait_event(self._copied[slot])
        self._device[slot].copy_(self._pixels)
        self._copies.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._copies):
            self._host[slot].copy_(self._device[slot], non_blocking=True)
            self._copied[slot].record()
        return PendingFrame(slot, self._submitted)

    def fetch(self, pending: PendingFrame) -> NDArray[np.uint8] | None:
        """Wait for a frame (size, size, 3); None when a later one has overwritten its slot."""
        if self._submitted - pending.number >= self.SLOTS:
            return None
        self._copied[pending.slot].synchronize()
        return self._host[pending.slot].numpy().copy()

    def picture(self, descriptor: Tensor) -> NDArray[np.uint8]:
        """Draw one frame, (size, size, 3) uint8."""
        frame = self.fetch(self.begin(descriptor))
        assert frame is not None
        return frame


COMPILE_VARIABLE = "HEAT_COMPILE"
"""Environment variable; 0 keeps the compiler off."""
MAX_COMPILED_DIFFERENCE = 1.0
"""Mean difference, in levels of 255, above which a compiled frame is rejected: more than
rounding to uint8 can make."""
NOT_COMPILED = "frames are drawn without torch.compile, more slowly: {}"
NOT_CAPTURED = "frames are drawn step by step, more slowly: they cannot be recorded here ({})"

DrawPixels = Callable[[Tensor], Tensor]
"""Descriptor (1, 256, 1) to pixels (size, size, 3) uint8, both on the device."""


def compiled(portrait: PreparedPortrait, backend: str = "inductor") -> DrawPixels:
    """Compile a portrait's frame; portraits of one size and precision share the compilation."""
    compiled_frame = torch.compile(frame_pixels, backend=backend, fullgraph=True, dynamic=False)
    return partial(compiled_frame, portrait)


@dataclass(frozen=True)
class _Attempt:
    make: Callable[[PreparedPortrait], DrawPixels]
    note: str


class CaptureStrategy:
    """Captures frames in the fastest way that works; what failed once is not tried again.

    Parameters
    ----------
    device : str
        ``"cuda"``, where frames are captured, or another, where they are drawn eagerly.
    record : callable
        Captures a portrait's frame; replaced in tests.
    """

    def __init__(self, device: str, record: Callable[..., Any] = FrameGraph) -> None:
        self._make_graph = record
        self._attempts: list[_Attempt] = []
        self.notes: tuple[str, ...] = ()
        if device != "cuda":
            return
        if os.environ.get(COMPILE_VARIABLE, "").strip().lower() not in ("0", "off", "no", "false"):
            self._attempts.append(_Attempt(_verified_compilation, NOT_COMPILED))
        self._attempts.append(_Attempt(lambda portrait: portrait.pixels, NOT_CAPTURED))

    def capture_graph(self, portrait: PreparedPortrait) -> FrameGraph | None:
        """Capture a portrait's frame; None where it can only be drawn eagerly."""
        while self._attempts:
            attempt = self._attempts[0]
            try:
                graph: FrameGraph = self._make_graph(portrait, attempt.make(portrait))
                return graph
            except Exception as error:  # compilers fail in ways of their own, none may end a frame
                if is_out_of_memory(error):
                    torch.cuda.empty_cache()  # the next attempt needs less
                self._attempts.pop(0)
                self.notes = (*self.notes, attempt.note.format(_first_line(error)))
        return None


@torch.inference_mode()
def _verified_compilation(portrait: PreparedPortrait) -> DrawPixels:
    """Compile a portrait's frame, and compare one with the same drawn eagerly."""
    compiled_frame = compiled(portrait)
    z = torch.zeros(1, 256, 1, device=portrait.place.device)
    difference = (compiled_frame(z).float() - portrait.pixels(z).float()).abs().mean()
    if not float(difference) <= MAX_COMPILED_DIFFERENCE:
        raise RuntimeError(f"its frames differ by {float(difference):.1f} levels of 255")
    return compiled_frame


def _first_line(error: Exception) -> str:
    """Give an error's kind, and its first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
