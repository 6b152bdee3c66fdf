# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of long work: a bar on a terminal, or one JSON object a line."""

from __future__ import annotations

import sys
import time

from bridge.progress_lines import format_line
from heat_backend.export.pace import Pace

_BAR_WIDTH = 30
_REDRAW_SECONDS = 0.1


class Progress:
    """Shows how far a command has come.

    Parameters
    ----------
    json_lines : bool
        Print JSON lines to standard output. Else a bar on standard error when that is a terminal,
        and nothing otherwise.
    """

    def __init__(self, json_lines: bool) -> None:
        self._json = json_lines
        self._bar = not json_lines and sys.stderr.isatty()
        self._drawn = 0.0
        self._pace = Pace()

    def preparing(self, what: str, fraction: float) -> None:
        """Tell a step of the preparation; ``fraction`` from 0 to 1."""
        if self._json:
            self._line("prepare", what=what, fraction=round(fraction, 4))
        elif self._bar:
            self._draw(fraction, what)

    def bytes(self, what: str, done: int, total: int) -> None:
        """Tell how much of a file has been fetched or read; ``total`` -1 when it is unknown."""
        now = time.monotonic()
        if done != total and now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        if self._json:
            self._line("file", what=what, done=done, total=total)
        elif self._bar:
            known = f" of {total / 1e6:,.0f}" if total >= 0 else ""
            self._draw(done / total if total > 0 else 0.0, f"{what}: {done / 1e6:,.0f}{known} MB")

    def frames(self, done: int, total: int) -> None:
        """Tell how many frames are finished."""
        now = time.monotonic()
        rate = self._pace.note(done)
        left = None if rate is None else (total - done) / rate
        if self._json:
            seconds = None if left is None else round(left, 1)
            self._line("render", done=done, total=total, seconds_left=seconds)
        elif self._bar and (done == total or now - self._drawn > _REDRAW_SECONDS):
            self._drawn = now
            text = f"{done}/{total} frames"
            if rate is not None and left is not None:
                text += f", {rate:.1f} a second, {_duration(left)} left"
            self._draw(done / total, text)

    def note(self, text: str) -> None:
        """Tell something before the work that it is about."""
        if self._json:
            self._line("note", text=text)
        else:
            self.clear()
            print(f"note: {text}", file=sys.stderr)

    def finish(self, **summary: object) -> None:
        """End the bar; with JSON lines, print the summary as the last one."""
        if self._json:
            self._line("done", **summary)
        self.clear()

    def clear(self) -> None:
        """Take the bar off the terminal, so that a message can stand there."""
        if self._bar:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _draw(self, fraction: float, text: str) -> None:
        filled = round(_BAR_WIDTH * min(1.0, max(0.0, fraction)))
        bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
        print(f"\r\033[K[{bar}] {text}", end="", file=sys.stderr, flush=True)

    def _line(self, step: str, **values: object) -> None:
        print(format_line(step, **values), flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
