# SPDX-License-Identifier: GPL-3.0-or-later
"""An append-only log of encoded frames that survives the death of the process."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """Where one packet lies in the log."""

    offset: int
    size: int
    key: bool
    checksum: int

    @property
    def line(self) -> bytes:
        """As it stands in the index."""
        return b"%d %d %d %08x\n" % (self.offset, self.size, self.key, self.checksum)


class PacketLog:
    """An append-only pair of files: packets, and an index with a checksum for each.

    Opening it drops whatever a killed process left half written. A packet counts once its line is
    in the index, and the line is written after the packet.
    """

    def __init__(self, folder: Path) -> None:
        self.stream_path = folder / "packets.h264"
        self._index_path = folder / "packets.index"
        self.entries = whole_entries(self.stream_path, self._index_path)
        self._end = self.entries[-1].offset + self.entries[-1].size if self.entries else 0
        self._stream = _open_at(self.stream_path, self._end)
        self._index = _open_at(self._index_path, sum(len(e.line) for e in self.entries))
        self._broken = False

    def append(self, packet: bytes, key: bool) -> None:
        """Add one packet.

        Raises
        ------
        OSError
            When it cannot be written; nothing may be appended after that.
        """
        if self._broken:
            raise RuntimeError("the packet log is broken")
        entry = Entry(self._end, len(packet), key, zlib.crc32(packet))
        self._broken = True
        _write_all(self._stream, packet)
        _write_all(self._index, entry.line)
        self._broken = False
        self._end += len(packet)
        self.entries.append(entry)

    def packets(self) -> Iterator[tuple[bytes, bool]]:
        """All packets in order, each with whether it is a keyframe."""
        with self.stream_path.open("rb") as file:
            for entry in self.entries:
                yield file.read(entry.size), entry.key

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._stream)
        os.close(self._index)


def whole_entries(stream_path: Path, index_path: Path) -> list[Entry]:
    """Return the packets that are whole in both files; none where they cannot be read."""
    entries: list[Entry] = []
    try:
        lines = index_path.read_bytes().split(b"\n")[:-1]
        with stream_path.open("rb") as stream:
            end = 0
            for line in lines:
                offset, size, key, checksum = line.split(b" ")
                entry = Entry(int(offset), int(size), key == b"1", int(checksum, 16))
                packet = stream.read(entry.size)
                if entry.offset != end or zlib.crc32(packet) != entry.checksum:
                    break
                end += entry.size
                entries.append(entry)
    except (OSError, ValueError):
        pass
    return entries


def _open_at(path: Path, length: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o644)
    os.ftruncate(handle, length)
    os.lseek(handle, length, os.SEEK_SET)
    return handle


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
