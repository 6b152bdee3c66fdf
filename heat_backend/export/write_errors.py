# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns errors of the disk (full, read-only) into one-line messages."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import BadInput, HeatError, MissingHere


class Occupied(BadInput):
    """Files stand where an export would write, and nobody allowed to replace them.

    Attributes
    ----------
    found, elsewhere : str
        What stands there, and what else could be chosen; a caller may say in its own words how
        overwriting is allowed.
    """

    def __init__(self, found: str, elsewhere: str) -> None:
        super().__init__(f"{found}: choose {elsewhere}, or allow overwriting")
        self.found = found
        self.elsewhere = elsewhere


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def storage_error(error: OSError, target: Path) -> HeatError:
    """Say what a failed write means for the user, and what to do."""
    if error.errno in _FULL:
        return MissingHere(
            f"the disk of {target} is full: the finished frames are kept; "
            "free some space, then resume"
        )
    if error.errno in _FORBIDDEN:
        return BadInput(f"no permission to write {target}: choose another folder")
    if error.errno == errno.ENAMETOOLONG:
        return BadInput(f"the name {target.name[:40]}… is too long for this disk: shorten it")
    reason = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
    return BadInput(f"cannot write {target}: {reason.lower()}")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn the ``OSError`` of a write into the user's line about ``target``."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, target) from error
