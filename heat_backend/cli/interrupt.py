# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C that lets the frame in hand be finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from bridge.errors import Cancelled


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether the user asked to stop.

    The first Ctrl-C (or SIGTERM) only asks; a second one interrupts at once. Outside the main
    thread, where no signals arrive, the answer is always no.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, ask) for kind in kinds]
    try:
        yield asked.is_set
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def stoppable(
    progress: Callable[[str, float], None], stopped: Callable[[], bool]
) -> Callable[[str, float], None]:
    """Return a ``progress(what, 0..1)`` that raises :class:`Cancelled` once a stop is asked for."""

    def report(what: str, share: float) -> None:
        if stopped():
            raise Cancelled("stopped: nothing was written")
        progress(what, share)

    return report
