# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders on the calling thread while worker threads encode the frames before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from bridge.errors import Cancelled
from bridge.motion_clip import MotionClip
from heat_backend.engines.protocol import Portrait, frame_drawer

Sink = Callable[[int, NDArray[np.uint8]], None]


def render_into(
    sink: Sink,
    portrait: Portrait,
    clip: MotionClip,
    indices: Iterable[int],
    *,
    writers: int,
    finished: Callable[[], None],
    cancelled: Callable[[], bool],
) -> None:
    """Render frames and hand each to ``sink``.

    Parameters
    ----------
    sink : callable (index, pixels (H, W, 4))
        Called on one of ``writers`` threads; with one writer, in the order of ``indices``.
    portrait, clip
        What to render.
    indices : iterable of int
        Frames of the clip, from 0.
    writers : int
        Number of threads that encode.
    finished : callable
        Called on this thread, once for each frame that its sink has taken.
    cancelled : callable
        Asked before each frame.

    Raises
    ------
    Cancelled
        After the frames already rendered were taken.
    Exception
        Whatever ``sink`` or the engine raised, after the frames before it were taken.
    """
    shape = (portrait.height, portrait.width, 4)
    free = [np.empty(shape, np.uint8) for _ in range(writers + 2)]
    pending: deque[tuple[Future[None], NDArray[np.uint8]]] = deque()

    def settle(leave: int) -> None:
        while pending and (len(pending) > leave or pending[0][0].done()):
            future, buffer = pending.popleft()
            future.result()
            free.append(buffer)
            finished()

    draw = frame_drawer(portrait, clip, cancelled)
    with ThreadPoolExecutor(writers, thread_name_prefix="heat-export") as pool:
        try:
            for index in indices:
                if cancelled():
                    raise Cancelled("stopped: the finished frames are kept; resume to go on")
                buffer = free.pop()
                frame = draw(index, buffer)
                pending.append((pool.submit(sink, index, frame), buffer))
                settle(leave=writers + 1)
            settle(leave=0)
        except BaseException:
            # What is rendered already is still taken; a second failure only follows the first.
            for future, _ in pending:
                with suppress(Exception):
                    future.result()
                    finished()
            raise
