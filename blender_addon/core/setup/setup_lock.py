# SPDX-License-Identifier: GPL-3.0-or-later
"""One set-up at a time: a lock of the operating system, which ends with its process.

Blender's Python has no `filelock`; this is its kernel, for one place. No bpy here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

from ... import bridge

_BYTE = 1 << 20  # Windows locks bytes, and those cannot be read: one far behind the text


class SetupLock:
    """The lock, held until `release` or the end of this process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        """Let others set up."""
        with contextlib.suppress(OSError):
            os.close(self._handle)


def claim(path: Path) -> SetupLock:
    """Take the lock.

    Raises
    ------
    BadInput
        Another Blender, or another set-up of this one, holds it; the message says which.
    OSError
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        if not _take(handle):
            raise bridge.errors.BadInput(
                f"Another Blender is setting up the backend ({_holder(handle)}): wait until it "
                "is done"
            )
        text = f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%H:%M')}"
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, text.encode("utf-8", "replace").ljust(200))
    except BaseException:
        os.close(handle)
        raise
    return SetupLock(handle)


def _holder(handle: int) -> str:
    with contextlib.suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        text = os.read(handle, 200).decode("utf-8", "replace").strip()
        if text:
            return text
    return "which one is not known"


def _take(handle: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network file system without locks: better two set-ups than none
    return True
