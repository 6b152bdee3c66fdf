# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the inversions on disk without loading any: their names, and whose portrait they are."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

from heat_backend.storage.kept_data import KeptData
from heat_backend.styleheat.weights.folder import cache_folder

PATTERN = "inversion-*.safetensors"
PORTRAIT = "portrait"  # key of the metadata
_LONGEST_HEADER = 1 << 20  # bytes; an inversion's has some 500


def kept_inversions(folder: Path) -> Iterator[KeptData]:
    """List the inversions in a folder of caches."""
    for path in sorted(folder.glob(PATTERN)):
        yield KeptData("a portrait's inversion", path, _portrait(path))


def _portrait(path: Path) -> str:
    """Read the portrait out of the header (safetensors: 8 bytes of length, then JSON)."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))
        return str(header["__metadata__"][PORTRAIT])
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return ""


def kept_data() -> Iterator[KeptData]:
    """List the user's."""
    return kept_inversions(cache_folder())
