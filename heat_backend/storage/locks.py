# SPDX-License-Identifier: GPL-3.0-or-later
"""Exclusive use of a folder between processes; the system frees it when its holder dies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput

if TYPE_CHECKING:
    from filelock import FileLock


def claim(path: Path, refusal: str) -> FileLock:
    """Lock a file, made at need, until ``release()`` of the result or the end of the process.

    Parameters
    ----------
    path : path
        The lock file; it stays when the lock is released.
    refusal : str
        What to say when another process holds it.

    Raises
    ------
    BadInput
        Another process, or another lock of this one, holds it.
    OSError
        The file cannot be written.
    """
    from filelock import FileLock, Timeout  # with asyncio behind it, which no start needs

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BadInput(refusal) from None
    return lock
