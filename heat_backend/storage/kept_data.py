# SPDX-License-Identifier: GPL-3.0-or-later
"""What Heat keeps on disk of somebody's photos: to be shown, and removed."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from heat_backend.storage.own_files import is_link


@dataclass(frozen=True)
class KeptData:
    """One file or folder made from a photo.

    Attributes
    ----------
    what : str
        In words.
    path : Path
    portrait : str
        ``Photo.digest`` of the photo; empty where it is not known.
    """

    what: str
    path: Path
    portrait: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk."""
        if self.path.is_dir():
            return sum(p.lstat().st_size for p in self.path.rglob("*") if p.is_file())
        return self.path.lstat().st_size

    @property
    def days(self) -> float:
        """Age, in days since it was last used."""
        return (time.time() - self.path.lstat().st_mtime) / 86400.0

    def remove(self) -> None:
        """Delete it.

        Raises
        ------
        OSError
            It cannot be deleted.
        """
        if self.path.is_dir() and not is_link(self.path):
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


def make_private_folder(path: Path) -> None:
    """Make a folder of Heat's own that no other user may look into, and close one that is open.

    Raises
    ------
    OSError
        It cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
