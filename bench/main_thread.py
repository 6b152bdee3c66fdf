# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock on everything that Blender's main thread does in the add-on while a preview runs.

Handlers, the timer and the drawing are wrapped from outside, so that nothing the add-on does in
them is left out.
"""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

import bpy

LISTS = ("depsgraph_update_post", "frame_change_post")


class MainThread:
    """Times calls into an add-on.

    Parameters
    ----------
    package : str
        Name of the add-on's package.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._calls: list[float] = []
        self._frames: list[float] = []
        self._blocks: list[float] = []
        self._at_start = 0.0

    def part(self, name: str) -> Any:
        """Import a module of the add-on."""
        return importlib.import_module(f"{self._package}.{name}")

    def listen(self) -> None:
        """Wrap handlers, timer and drawing; before the preview starts, which takes the latter."""
        live = self.part("preview.live")
        for name in LISTS:
            handlers = getattr(bpy.app.handlers, name)
            for index, handler in enumerate(handlers):
                if handler.__module__.startswith(self._package):
                    handlers[index] = bpy.app.handlers.persistent(self._timed(handler))
        live.tick = self._timed(live.tick)
        self.step = self._timed(live.step)
        if not bpy.app.background:
            drawing = self.part("preview.overlay_draw")
            drawing.draw = self._timed(drawing.draw)

    def forget(self) -> None:
        """Forget the calls since the last frame, which were for none."""
        if not self._frames:
            self._at_start = max([self._at_start, *self._calls])
        self._calls.clear()

    def frame_shown(self, counts: bool) -> None:
        """End a frame: all calls since the last one were for it."""
        calls, self._calls = self._calls, []
        if not calls:
            return
        if counts:
            self._frames.append(sum(calls))
            self._blocks.append(max(calls))
        else:
            self._at_start = max(self._at_start, *calls)

    def numbers(self) -> dict[str, Any]:
        """Return milliseconds of frames, of the longest call of each, of the longest at first."""
        return {
            "frame_ms": self._frames,
            "block_ms": self._blocks,
            "start_block_ms": self._at_start,
        }

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                if threading.current_thread() is threading.main_thread():
                    self._calls.append((time.perf_counter() - began) * 1e3)

        return timed
