# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an npz that is the same byte for byte on every run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def npz_bytes(arrays: Mapping[str, NDArray]) -> bytes:
    """Pack arrays, sorted by name, stored without compression, with fixed timestamps.

    Stored rather than deflated because the output of zlib differs between its versions.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            raw = io.BytesIO()
            np.lib.format.write_array(raw, np.asarray(arrays[name], order="C"), version=(1, 0))
            info = zipfile.ZipInfo(f"{name}.npy", TIMESTAMP)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, raw.getvalue())
    return out.getvalue()


def write_npz(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write ``npz_bytes`` to ``path``."""
    path.write_bytes(npz_bytes(arrays))
