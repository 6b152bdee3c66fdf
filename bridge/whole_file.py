# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that appear whole or not at all: what is there already stays until the new one is done."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .errors import BadInput

_NAME = 40  # letters of a long name that are kept, as file systems allow only so many


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a file to write to, beside ``target``, whose place it takes when all went well.

    Parameters
    ----------
    target : Path
        In a folder that is there.

    Raises
    ------
    OSError
        The file cannot be written there. Nothing is left of it, and ``target`` is as it was.
    """
    part = target.with_name(f".{target.name[:_NAME]}.{secrets.token_hex(4)}.part")
    try:
        yield part
        replace_file(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def replace_file(part: Path, target: Path) -> None:
    """Give a finished file its name, so that even a power cut leaves the old or the new one.

    Raises
    ------
    OSError
        The disk is full or fails.
    """
    handle = os.open(part, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)  # else the name may reach the disk before the content
    finally:
        os.close(handle)
    part.replace(target)


@contextlib.contextmanager
def user_file(target: Path) -> Iterator[Path]:
    """As :func:`whole_file`, for a file whose name the user chose.

    Raises
    ------
    BadInput
        The file cannot be written there.
    """
    try:
        with whole_file(target) as part:
            yield part
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror or error}") from error
