# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame's work on CUDA as one recorded graph, copied to the host while the next runs."""

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

from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait, frame_colours
from heat_backend.styleheat.memory import is_shortage


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


SWITCH = "HEAT_COMPILE"
"""Environment variable; 0 keeps the compiler off."""
APART = 1.0
"""Mean difference, in levels of 255, at which a compiled frame is not believed."""
NOT_COMPILED = "frames are drawn without torch.compile, more slowly: {}"
NOT_RECORDED = "frames are drawn step by step, more slowly: they cannot be recorded here ({})"

Colours = Callable[[Tensor], Tensor]
"""Descriptor (1, 256, 1) to colours (size, size, 3) uint8, both on the device."""


def compiled(portrait: PreparedPortrait, backend: str = "inductor") -> Colours:
    """Compile a portrait's frame; portraits of one size and precision share the compilation."""
    made = torch.compile(frame_colours, backend=backend, fullgraph=True, dynamic=False)
    return partial(made, portrait)


@dataclass(frozen=True)
class _Attempt:
    make: Callable[[PreparedPortrait], Colours]
    note: str


class FrameWays:
    """Chooses the way for one portrait after another, and does not try twice what failed.

    Parameters
    ----------
    device : str
        ``"cuda"``, where frames are recorded, or another, where they are drawn step by step.
    record : callable
        Records a portrait's colours; replaced in tests.
    """

    def __init__(self, device: str, record: Callable[..., Any] = FrameGraph) -> None:
        self._record = record
        self._attempts: list[_Attempt] = []
        self.notes: tuple[str, ...] = ()
        if device != "cuda":
            return
        if os.environ.get(SWITCH, "").strip().lower() not in ("0", "off", "no", "false"):
            self._attempts.append(_Attempt(_believed, NOT_COMPILED))
        self._attempts.append(_Attempt(lambda portrait: portrait.colours, NOT_RECORDED))

    def recorded(self, portrait: PreparedPortrait) -> FrameGraph | None:
        """Record a portrait's frame in the quickest way that works; None where none does."""
        while self._attempts:
            attempt = self._attempts[0]
            try:
                graph: FrameGraph = self._record(portrait, attempt.make(portrait))
                return graph
            except Exception as error:  # compilers fail in ways of their own, none may end a frame
                if is_shortage(error):
                    torch.cuda.empty_cache()  # a plainer way needs less
                self._attempts.pop(0)
                self.notes = (*self.notes, attempt.note.format(_short(error)))
        return None


@torch.inference_mode()
def _believed(portrait: PreparedPortrait) -> Colours:
    """Compile a portrait's frame, and compare one with the same drawn step by step."""
    made = compiled(portrait)
    z = torch.zeros(1, 256, 1, device=portrait.place.device)
    apart = (made(z).float() - portrait.colours(z).float()).abs().mean()
    if not float(apart) <= APART:
        raise RuntimeError(f"its frames differ by {float(apart):.1f} levels of 255")
    return made


def _short(error: Exception) -> str:
    """Give an error's kind, and its first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
