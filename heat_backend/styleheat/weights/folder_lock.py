# SPDX-License-Identifier: GPL-3.0-or-later
"""One fetch at a time in a folder; the system lets go of the lock when its holder ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import BadInput

NAME = ".heat_fetch.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for the time of the block.

    Raises
    ------
    BadInput
        Another fetch holds it, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / NAME).open("a+b")
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot write to {folder}: {reason}; name another folder") from error
    with lock:
        try:
            _take(lock.fileno())
        except OSError:
            raise BadInput(f"another fetch is at work in {folder}: wait until it is done") from None
        yield


def _take(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
