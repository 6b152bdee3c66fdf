# SPDX-License-Identifier: GPL-3.0-or-later
"""The hidden folder beside an export's target that holds its unfinished files."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from heat_backend.export.storage import writing
from heat_backend.storage.locks import claim

SUFFIX = ".heat-part"
_STAMP = "shot.json"
_LOCK = "lock"


class WorkFolder:
    """Side files of one export, claimed for this process until :meth:`close` or its death.

    Parameters
    ----------
    target : path
        The folder or movie that will hold the result; its parent exists.

    Raises
    ------
    BadInput
        When another export is writing to the same target, or nothing can be written there.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = _place(target)
        with writing(target):
            self.path.mkdir(exist_ok=True)
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
            for entry in self.path.iterdir():
                if entry.name != _LOCK:
                    entry.unlink()
            part = self.path / f"{_STAMP}.new"
            part.write_text(json.dumps(stamp), encoding="utf-8")
            part.replace(self.path / _STAMP)

    def close(self, remove: bool) -> None:
        """Give the claim up; ``remove`` takes the folder away as well."""
        if remove and sys.platform != "win32":
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        if remove and sys.platform == "win32":  # an open file cannot be removed there
            shutil.rmtree(self.path, ignore_errors=True)


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
