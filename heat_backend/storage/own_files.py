# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that Heat made, told from links and files of others before they are read or deleted.

A folder that Heat works in may be shared or synchronised: a link put into it must neither lead a
deletion nor a read out of it.
"""

from __future__ import annotations

import os
import re
import stat
from io import BufferedReader
from pathlib import Path

from bridge.errors import BadInput


def is_link(path: Path) -> bool:
    """Whether ``path`` itself is a symbolic link, or on Windows a junction."""
    try:
        status = path.lstat()
    except OSError:
        return False
    reparse = getattr(status, "st_reparse_tag", 0)
    return stat.S_ISLNK(status.st_mode) or reparse == getattr(
        stat, "IO_REPARSE_TAG_MOUNT_POINT", -1
    )


def make_own_folder(path: Path) -> None:
    """Make a folder that only the user may enter, or check that the one there is no link.

    Its owner is not compared: network disks show all files as somebody else's.

    Raises
    ------
    BadInput
        A link or a file stands at ``path``.
    OSError
        It cannot be made.
    """
    if not is_link(path):
        path.mkdir(mode=0o700, exist_ok=True)
    if is_link(path) or not stat.S_ISDIR(path.lstat().st_mode):
        raise BadInput(f"{path} is a link, or no folder: remove it, then try again")


def remove_links(folder: Path, names: re.Pattern[str]) -> None:
    """Delete the links in a folder that are named as Heat's files are: no write must follow one.

    Raises
    ------
    OSError
        One cannot be deleted.
    """
    for entry in folder.iterdir():
        if names.fullmatch(entry.name) and is_link(entry):
            entry.unlink(missing_ok=True)  # the link itself, never what it leads to


def remove_own_files(folder: Path, names: re.Pattern[str], keep: str = "") -> None:
    """Delete the files of a folder that are named as Heat's are, and links of such a name.

    Parameters
    ----------
    folder : path
        Checked by :func:`make_own_folder`.
    names : pattern
        The whole name of each file that Heat writes there. All others stay.
    keep : str
        A name that stays as well, unless it is a link.

    Raises
    ------
    OSError
        A file cannot be deleted.
    """
    remove_links(folder, names)
    for entry in folder.iterdir():
        if names.fullmatch(entry.name) and entry.name != keep:
            entry.unlink(missing_ok=True)


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading, which must be a plain file reached without any link.

    Parameters
    ----------
    path : path
        As ``os.path.realpath`` gave it when the file was written.

    Raises
    ------
    OSError
        It is gone, is no plain file, or a part of the path has become a link.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    if is_link(path) or os.path.realpath(path) != str(path):
        raise OSError(0, "a link stands in its place")
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "it is no plain file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise
