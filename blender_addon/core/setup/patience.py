# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a virus scanner or another program holds for a moment. No bpy here."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
_PAUSES = (0.1, 0.3, 0.6, 1.0, 2.0)  # seconds; scanners let a file of this size go within two


def patiently(action: Callable[[], Result]) -> Result:
    """Do something again a few times while it fails because a file is held."""
    for pause in _PAUSES:
        try:
            return action()
        except PermissionError:
            time.sleep(pause)
    return action()


def remove_tree(folder: Path) -> list[Path]:
    """Remove a folder with all that can be removed; return what could not be, none if all went."""
    kept: list[Path] = []

    def again(function: Callable[[str], Any], path: str, error: Any) -> None:
        cause = error[1] if isinstance(error, tuple) else error
        if isinstance(cause, FileNotFoundError):
            return
        try:
            os.chmod(path, stat.S_IRWXU)  # noqa: PTH101 - a read-only file, as Windows has them
            function(path)
        except OSError:
            kept.append(Path(path))

    if folder.is_symlink() or folder.is_file():
        try:
            folder.unlink()
        except OSError:
            kept.append(folder)
    elif folder.is_dir():
        # The parameter's name and its function's last argument changed in Python 3.12.
        if sys.version_info >= (3, 12):
            shutil.rmtree(folder, onexc=again)
        else:
            shutil.rmtree(folder, onerror=again)
    return kept


def tree_bytes(folder: Path) -> int:
    """Return what the files of a folder, or a file, weigh together."""
    if folder.is_file():
        return folder.stat().st_size
    total = 0
    for root, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118
            except OSError:
                continue
    return total
