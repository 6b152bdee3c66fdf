# SPDX-License-Identifier: GPL-3.0-or-later
"""A small PNG writer and text reader.

Written here because it takes half the time of the general encoders at the same size: one filter
for all rows and run-length matching leave the entropy coder to do the work.
Format: PNG specification, third edition (W3C, 2025).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FILTER_UP = 2
# Keyword, no compression, no language, no translated keyword.
_XMP_KEYWORD = b"XML:com.adobe.xmp" + bytes(5)
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def encode_png(pixels: NDArray[np.uint8], texts: dict[str, str], xmp: bytes = b"") -> bytes:
    """Encode as 8-bit RGB marked as sRGB.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3) or (H, W, 4), uint8
        sRGB; an alpha channel is left out.
    texts : dict
        Keyword to text, Latin-1; they become tEXt chunks before the pixels.
    xmp : bytes
        An XMP packet, which becomes an iTXt chunk.
    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [SIGNATURE, _chunk(b"IHDR", header), _chunk(b"sRGB", b"\x00")]
    for keyword, text in texts.items():
        data = keyword.encode("latin-1") + b"\x00" + text.encode("latin-1", "replace")
        chunks.append(_chunk(b"tEXt", data))
    if xmp:
        chunks.append(_chunk(b"iTXt", _XMP_KEYWORD + xmp))
    deflate = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    data = deflate.compress(_filtered(pixels).data) + deflate.flush()
    chunks += [_chunk(b"IDAT", data), _END]
    return b"".join(chunks)


def read_texts(path: Path) -> dict[str, str] | None:
    """Read the tEXt chunks before the pixels of a whole PNG file; None when it is not one."""
    texts: dict[str, str] = {}
    with path.open("rb") as file:
        if file.read(8) != SIGNATURE:
            return None
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                file.seek(-len(_END), 2)
                return texts if file.read() == _END else None
            if kind == b"tEXt" and length < 65536:
                keyword, _, text = file.read(length).partition(b"\x00")
                texts[keyword.decode("latin-1")] = text.decode("latin-1")
                file.seek(4, 1)
            else:
                file.seek(length + 4, 1)
    return None


def _filtered(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each row minus the row above, led by the filter's number; shape (H, 1 + 3 W)."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels[:, :, :3]).reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _FILTER_UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join(
        (
            struct.pack(">I", len(data)),
            kind,
            data,
            struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))),
        )
    )
