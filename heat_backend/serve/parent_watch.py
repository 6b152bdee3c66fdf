# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends the backend when its parent process has ended, since Blender may be killed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from bridge.launch import PARENT_ID_VARIABLE, PARENT_PIPE_VARIABLE

POLL_SECONDS = 1.0
LAST_RESORT_SECONDS = 3.0


def watch_parent(gone: Callable[[], None]) -> None:
    """Call ``gone`` once the parent is, and end the process for sure three seconds later.

    Does nothing unless ``HEAT_PARENT_PIPE`` is ``1`` in the environment. The sign is the end of
    standard input, which the parent holds open. Another process may have inherited the parent's
    end of it, so on POSIX a change of our parent's process id, or the end of the process named by
    ``HEAT_PARENT_PID`` (a launcher may stand between), count as well.
    """
    if os.environ.pop(PARENT_PIPE_VARIABLE, None) != "1":
        return
    named = os.environ.pop(PARENT_ID_VARIABLE, "")
    parent, grandparent = os.getppid(), int(named) if named.isdigit() else None
    once = threading.Lock()

    def end() -> None:
        if once.acquire(blocking=False):
            gone()
            time.sleep(LAST_RESORT_SECONDS)
            os._exit(0)

    def watch_pipe() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        end()

    def watch_id() -> None:
        while os.getppid() == parent and (grandparent is None or _lives(grandparent)):
            time.sleep(POLL_SECONDS)
        end()

    threading.Thread(target=watch_pipe, name="heat-parent-pipe", daemon=True).start()
    if os.name == "posix":
        threading.Thread(target=watch_id, name="heat-parent-id", daemon=True).start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
