# SPDX-License-Identifier: GPL-3.0-or-later
"""The hidden folder beside an export's target that holds its unfinished files."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from pathlib import Path

from bridge.errors import BadInput
from bridge.whole_file import replace_file
from heat_backend.export.write_errors import writing
from heat_backend.storage.locks import claim
from heat_backend.storage.own_files import make_own_folder, remove_links, remove_own_files

SUFFIX = ".heat-part"
_STAMP = "shot.json"
_LOCK = "lock"
# All that an export writes there; what has another name is not deleted.
_OWN = re.compile(
    r"shot\.json(\.new)?|lock|packets\.(h264|index)|movie\.mp4|frame_\d{6,}\.png\.part"
)


class WorkFolder:
    """Side files of one export, claimed for this process until :meth:`close` or its death.

    Parameters
    ----------
    target : path
        The folder or movie that will hold the result; its parent exists.

    Raises
    ------
    BadInput
        When another export is writing to the same target, when nothing can be written there, or
        when a link or a file has the folder's name.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = _place(target)
        with writing(target):
            make_own_folder(self.path)
            remove_links(self.path, _OWN)
            refusal = f"another export is writing to {target}: wait for it or choose another name"
            self._lock = claim(self.path / _LOCK, refusal)

    def read_stamp(self) -> dict[str, object]:
        """Read what the unfinished export said about itself; empty when there is none."""
        try:
            stamp = json.loads((self.path / _STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def start(self, stamp: dict[str, object]) -> None:
        """Throw away what an earlier export left and note what this one is."""
        with writing(self.target):
            remove_own_files(self.path, _OWN, keep=_LOCK)
            part = self.path / f"{_STAMP}.new"
            part.write_text(json.dumps(stamp), encoding="utf-8")
            replace_file(part, self.path / _STAMP)

    def close(self, remove: bool) -> None:
        """Give the claim up; ``remove`` takes the folder away as well."""
        if remove and sys.platform != "win32":
            self._remove()
        self._lock.release()
        if remove and sys.platform == "win32":  # an open file cannot be removed there
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError, BadInput):  # another's file in it keeps the folder
            make_own_folder(self.path)
            remove_own_files(self.path, _OWN)
            self.path.rmdir()


def _place(target: Path) -> Path:
    """Beside the target; inside it when it is the root of another disk or its parent is closed."""
    parent = target.parent
    if target.is_dir():
        try:
            other_disk = target.stat().st_dev != parent.stat().st_dev
        except OSError:
            other_disk = False
        if other_disk or not os.access(parent, os.W_OK):
            return target / SUFFIX
    return parent / f".{target.name}{SUFFIX}"
