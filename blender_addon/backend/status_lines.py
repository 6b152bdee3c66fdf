# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's state in a line for panel and preferences."""

from __future__ import annotations

import time
from dataclasses import dataclass

from . import choose
from .owner import owner

# Asking whether an environment is whole looks at the disk; panels draw often.
_KEEP = 1.0
_asked: tuple[float, str | None] = (-1e9, None)


@dataclass(frozen=True)
class StatusLine:
    """A line and its icon; `warning` when the user has to do something.

    `mend` tells what helps then: "setup" (the preferences) or "restart".
    """

    text: str
    icon: str
    warning: bool = False
    mend: str = ""


def line() -> StatusLine:
    """Return the line of this moment."""
    wrong = missing()
    if wrong is not None:
        return StatusLine(wrong, "ERROR", True, "setup")
    status = owner().status
    if status.state == "failed":
        return StatusLine(status.message, "ERROR", True, "restart")
    if status.state == "starting":
        return StatusLine("The backend is starting", "SORTTIME")
    if status.state == "running":
        return StatusLine("The backend is running", "CHECKMARK")
    if status.state == "remote":
        return StatusLine("Another machine's backend is used", "URL")
    return StatusLine("The backend starts when it is needed", "CHECKMARK")


def missing() -> str | None:
    """Return why there is no backend, looked up at most once a second."""
    global _asked
    now = time.monotonic()
    if now - _asked[0] > _KEEP:
        _asked = (now, choose.missing())
    return _asked[1]


def forget() -> None:
    """Look again at the next question: a set-up ended, preferences changed."""
    global _asked
    _asked = (-1e9, None)
