# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads matrices of numbers from MATLAB files, level 5 (versions 5 to 7.2).

Written here since the general reader (scipy.io 1.17) ends the whole process on some damaged files.
Format: MathWorks, "MAT-File Format", R2023a: a header of 128 bytes, then elements, each with a tag
of type and size; a matrix is an element of elements, and may be compressed by zlib.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# Types in which numbers are stored, and classes of matrices that they stand for.
_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_COMPLEX = 0x0800
_MOST_DIMENSIONS = 8
_NAME_HEADER = 512  # bytes of a compressed matrix that hold its flags, dimensions and name


def read_mat(
    path: Path, most_bytes: int, names: Collection[str] | None = None
) -> dict[str, NDArray]:
    """Read the matrices of real numbers in a MATLAB file; what else it holds is left out.

    Parameters
    ----------
    path : path
    most_bytes : int
        That the file may have, and the matrices together, at eight bytes an element.
    names : collection of str, optional
        The matrices wanted; all by default. Missing ones are left out of the result.

    Returns
    -------
    dict of str to ndarray
        In the types and shapes of MATLAB: at least two dimensions.

    Raises
    ------
    ValueError
        It is no such file, is damaged, or holds more.
    OSError
        It cannot be read.
    """
    if path.stat().st_size > most_bytes:
        raise ValueError(f"it is larger than {most_bytes >> 20} MB")
    data = memoryview(path.read_bytes())
    if len(data) < _HEADER or bytes(data[126:128]) not in (b"IM", b"MI"):
        raise ValueError("no MATLAB file of version 5 to 7.2: save it with -v7")
    order = "<" if bytes(data[126:128]) == b"IM" else ">"
    found: dict[str, NDArray] = {}
    room = most_bytes
    try:
        for kind, body in _elements(data[_HEADER:], order):
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(body, _NAME_HEADER)
                name, needed = _name_and_size(head, order)
            elif kind == _MATRIX:
                name, needed = _name_and_size(struct.pack(order + "II", kind, 0) + body, order)
            else:
                continue
            if needed == 0 or (names is not None and name not in names):
                continue
            room -= needed
            if room < 0:
                raise ValueError(f"its content is larger than {most_bytes >> 20} MB")
            if kind == _COMPRESSED:
                # The numbers, a tag each for them and the imaginary part, and the head.
                whole = zlib.decompressobj().decompress(body, needed + _NAME_HEADER)
                body = memoryview(whole)[8:]
            found[name] = _matrix(body, order)
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"it is damaged ({error})") from error
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of the elements that follow each other in ``data``."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind >> 16:  # a small element: its size beside the type, its content in the tag
            kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
            if size > 4:
                raise ValueError("a small element of more than 4 bytes")
        else:
            start = at + 8
            end = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(data):
            raise ValueError("it ends in the middle of an element")
        yield kind, data[start : start + size]
        at = end


def _name_and_size(element: bytes, order: str) -> tuple[str, int]:
    """Return a matrix' name, and what its numbers take at eight bytes each; 0 for no numbers."""
    parts = _elements(memoryview(element)[8:], order)
    (_, flags), (_, sizes), (_, name) = (next(parts, (0, memoryview(b""))) for _ in range(3))
    kind = struct.unpack_from(order + "I", flags)[0]
    if kind & 0xFF not in _CLASSES or kind & _COMPLEX:
        return bytes(name).decode("ascii"), 0
    return bytes(name).decode("ascii"), 8 * max(1, math.prod(_shape(sizes, order)))


def _shape(sizes: memoryview, order: str) -> tuple[int, ...]:
    count = len(sizes) // 4
    if not 2 <= count <= _MOST_DIMENSIONS:
        raise ValueError(f"a matrix of {count} dimensions")
    shape = struct.unpack_from(f"{order}{count}i", sizes)
    if min(shape) < 0:
        raise ValueError("a matrix of a negative size")
    return shape


def _matrix(body: memoryview, order: str) -> NDArray:
    parts = list(_elements(body, order))
    if len(parts) < 4 or parts[3][0] not in _STORED:
        raise ValueError("a matrix without its numbers")
    flags = struct.unpack_from(order + "I", parts[0][1])[0]
    shape = _shape(parts[1][1], order)
    stored = np.dtype(order + _STORED[parts[3][0]])
    count = math.prod(shape)
    if len(parts[3][1]) < count * stored.itemsize:
        raise ValueError("a matrix with too few numbers")
    values = np.frombuffer(parts[3][1], stored, count)
    return values.astype(_CLASSES[flags & 0xFF]).reshape(shape, order="F")
