# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an npz that is the same byte for byte on every run, and reads one with a limit."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO

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


def read_npz(
    file: Path | IO[bytes], most_bytes: int, names: Collection[str] | None = None
) -> dict[str, NDArray]:
    """Read arrays of an npz that may come from a stranger.

    All shapes and types are read from the headers first, so that a small file which unpacks to
    much is refused before anything is unpacked.

    Parameters
    ----------
    file : path or seekable binary file
    most_bytes : int
        That the arrays may take together, each element counted with at least four bytes: what is
        read becomes float32 sooner or later.
    names : collection of str, optional
        The arrays wanted; others are not read. Missing ones are left out of the result.

    Returns
    -------
    dict of str to ndarray
        Of numbers or text; never of Python objects.

    Raises
    ------
    ValueError
        The file is no npz, is damaged, or holds too much or other types.
    OSError
        It cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            wanted = [
                info
                for info in archive.infolist()
                if info.filename.endswith(".npy")
                and (names is None or info.filename.removesuffix(".npy") in names)
            ]
            # What the archive claims, then what the arrays' own headers do.
            claimed = sum(info.file_size for info in wanted)
            if claimed > most_bytes or (
                sum(_unpacked_bytes(archive, info) for info in wanted) > most_bytes
            ):
                raise ValueError(f"its content is larger than {most_bytes >> 20} MB")
            found = {}
            for info in wanted:
                with archive.open(info) as member:
                    found[info.filename.removesuffix(".npy")] = np.lib.format.read_array(
                        member, allow_pickle=False
                    )
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, SyntaxError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    except (NotImplementedError, MemoryError) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _unpacked_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Read the header of a member; return what its array takes, four bytes an element at least."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, _, dtype = np.lib.format.read_array_header_2_0(member)
        else:
            raise ValueError(f"{info.filename} is of an unknown version")
    if dtype.kind not in "fiubU":
        raise ValueError(f"{info.filename} holds neither numbers nor text")
    return math.prod(shape) * max(4, dtype.itemsize)
