# SPDX-License-Identifier: GPL-3.0-or-later
"""The quickest way of drawing frames that works here: compiled, recorded, or step by step.

Compiled frames are recorded too: the compiler fuses the small steps, the recording sends them all
at once. Its own recording would copy every weight anew for each portrait; ours does not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from heat_backend.styleheat.fast.pipeline import FrameGraph
from heat_backend.styleheat.fast.portrait import PreparedPortrait, frame_colours
from heat_backend.styleheat.memory import is_shortage

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
