# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of a video on disk: constant memory, and a stopped run can be resumed."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput

LANDMARKS = 478
_RECORD = np.dtype([("seconds", "<f8"), ("found", "<i4"), ("points", "<f4", (LANDMARKS, 3))])


class LandmarkCache:
    """Appendable list of times and landmarks, one record a frame.

    Parameters
    ----------
    folder : path
        Made when missing. Records of another key in it are deleted.
    key : str
        From :func:`landmark_cache_key`.

    Raises
    ------
    BadInput
        The folder cannot be written.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._data = folder / "landmarks.bin"
        try:
            if _key_in(folder) != key:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                (folder / "reel.json").write_text(json.dumps({"key": key}), encoding="utf-8")
            self._file = self._data.open("ab")
        except OSError as error:
            raise BadInput(
                f"cannot write in {folder.parent} ({error.strerror}): choose another folder"
            ) from error
        whole = self._data.stat().st_size // _RECORD.itemsize
        self._file.truncate(whole * _RECORD.itemsize)
        self._count = whole

    def __len__(self) -> int:
        return self._count

    def append(self, seconds: float, points: NDArray[np.floating] | None) -> None:
        """Add a frame; ``points`` (478, 3) in pixels, None where no face was found."""
        record = np.zeros(1, _RECORD)
        record["seconds"] = seconds
        if points is not None:
            record["found"] = 1
            record["points"] = points
        try:
            self._file.write(record.tobytes())
        except OSError as error:
            raise BadInput(f"cannot write {self._data}: {error.strerror}") from error
        self._count += 1

    def read(self) -> NDArray[np.void]:
        """Map all records (T,) from disk: fields ``seconds``, ``found``, ``points``."""
        self._file.flush()
        if self._count == 0:
            return np.zeros(0, _RECORD)
        return np.memmap(self._data, _RECORD, "r", shape=(self._count,))

    def close(self) -> None:
        """Close the file and keep it for a later run."""
        self._file.close()

    def remove(self) -> None:
        """Delete the folder."""
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def landmark_cache_key(video: Path, **settings: object) -> str:
    """Hash name, size and time of a video, and the settings that its landmarks depend on.

    Raises
    ------
    BadInput
        There is no such file.
    """
    try:
        facts = video.stat()
    except OSError as error:
        raise BadInput(f"there is no video {video}: {error.strerror}") from error
    parts = [video.name, facts.st_size, facts.st_mtime_ns, sorted(settings.items())]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _key_in(folder: Path) -> str | None:
    try:
        key = json.loads((folder / "reel.json").read_text(encoding="utf-8"))["key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(key)
