# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory for frames: reused buffers, and a ring of buffers shared by two processes.

A frame's pixels stay untouched for as long as any array that views them lives; when the last one
is gone its buffer becomes free again by itself. Nobody needs to release anything by hand.
"""

from __future__ import annotations

import mmap
import os
import secrets
import stat
import struct
import sys
import tempfile
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import MissingHere

SLOTS = 4
"""One being written, one on its way, two that the viewer may hold."""
NAME_START = "heat-frames-"
TOKEN_BYTES = 16
_RING_HEAD = struct.Struct("<8sII16s")
_RING_MAGIC = b"HEATRING"
_PAGE = 4096

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One rendered frame.

    Attributes
    ----------
    pixels : (height, width, 4) uint8
        sRGB RGBA, row 0 at the top, C-contiguous, alpha 255. It is the viewer's to write to. With
        shared memory it is a view: holding more than two frames for long sends the next ones by
        TCP, so copy what is to be kept.
    width, height : int
        Pixels.
    sequence : int
        Number of the pose that it shows, as given when the pose was sent.
    clamped : bool
        Some coefficient was out of range and was clamped.
    render_ms : float
        What the engine took, in milliseconds.
    shared : bool
        It came by shared memory.
    """

    pixels: Pixels
    width: int
    height: int
    sequence: int
    clamped: bool = False
    render_ms: float = 0.0
    shared: bool = False


def lease(
    memory: bytearray | mmap.mmap,
    offset: int,
    shape: tuple[int, int, int],
    give_back: Callable[[], object],
) -> Pixels:
    """Return a view of ``memory`` and call ``give_back`` once no array views it any more.

    Parameters
    ----------
    memory : writable buffer
        Kept alive by the view.
    offset : int
        Byte at which the pixels begin.
    shape : (height, width, channels)
        Of the view.
    give_back : callable
        Called from whatever thread lets the last view go; must not block.
    """
    count = shape[0] * shape[1] * shape[2]
    # Arrays that view `root` hold on to it, not to each other, so its end is the end of them all.
    root = np.frombuffer(memory, np.uint8, count, offset)
    weakref.finalize(root, give_back).atexit = False
    return root.reshape(shape)


class BufferPool:
    """Buffers of one size that are used again: fresh pages would cost more than the copy."""

    def __init__(self, keep: int = SLOTS) -> None:
        self._keep = keep
        self._free: deque[bytearray] = deque()

    def take(self, shape: tuple[int, int, int]) -> Pixels:
        """Return an array of ``shape`` (height, width, channels) whose content is undefined."""
        size = shape[0] * shape[1] * shape[2]
        buffer = self._fitting(size)
        return lease(buffer, 0, shape, lambda: self._give_back(buffer))

    def _fitting(self, size: int) -> bytearray:
        while True:
            try:
                buffer = self._free.popleft()
            except IndexError:
                return bytearray(size)
            if len(buffer) == size:
                return buffer

    def _give_back(self, buffer: bytearray) -> None:
        if len(self._free) < self._keep:
            self._free.append(buffer)


@dataclass(frozen=True)
class RingName:
    """All that the other process needs to find a ring."""

    name: str
    token: str
    slots: int
    slot_bytes: int


class SharedRing:
    """A ring of frame buffers in memory that two processes of one machine share.

    On POSIX it is a file of the owner's in memory (or in the temporary folder), which either end
    unlinks as soon as both have it: from then on it goes with the last of the two, however they
    end. On Windows it is a named section, which does so by itself.
    """

    def __init__(self, memory: mmap.mmap, name: RingName, path: Path | None) -> None:
        self._memory = memory
        self._path = path
        self.name = name
        if path is not None:
            # A ring that is dropped before the other end has it takes its name with it.
            weakref.finalize(self, _forget_name, path)

    @classmethod
    def create(cls, slot_bytes: int, slots: int = SLOTS) -> SharedRing:
        """Make a ring of ``slots`` buffers of ``slot_bytes`` bytes.

        Raises
        ------
        MissingHere
            This machine has no room for it; frames then travel by TCP.
        """
        stride = _rounded(slot_bytes)
        size = _PAGE + slots * stride
        token = secrets.token_bytes(TOKEN_BYTES)
        label = f"{NAME_START}{os.getpid()}-{secrets.token_hex(8)}"
        try:
            if sys.platform == "win32":
                path = None
                memory = mmap.mmap(-1, size, tagname=f"Local\\{label}")
                full = label
            else:
                path = ring_folder() / label
                memory = _new_mapping(path, size)
                full = str(path)
        except (OSError, ValueError, OverflowError) as error:
            raise MissingHere(f"no shared memory for frames here ({error})") from error
        memory[: _RING_HEAD.size] = _RING_HEAD.pack(_RING_MAGIC, slots, slot_bytes, token)
        if path is not None:
            _named.add(path)
        return cls(memory, RingName(full, token.hex(), slots, slot_bytes), path)

    @classmethod
    def attach(cls, name: RingName) -> SharedRing:
        """Open the ring that another process made.

        Raises
        ------
        MissingHere
            It is not there: the other process is most likely on another machine.
        """
        size = _PAGE + name.slots * _rounded(name.slot_bytes)
        try:
            if sys.platform == "win32":
                path = None
                memory = mmap.mmap(-1, size, tagname=f"Local\\{Path(name.name).name}")
            else:
                path = _checked_path(name.name)
                memory = _open_mapping(path, size)
            head = _RING_HEAD.pack(
                _RING_MAGIC, name.slots, name.slot_bytes, bytes.fromhex(name.token)
            )
        except (OSError, ValueError, OverflowError, struct.error) as error:
            raise MissingHere(f"the shared memory is not on this machine ({error})") from error
        if memory[: _RING_HEAD.size] != head:
            raise MissingHere("the shared memory of that name is another one")
        return cls(memory, name, path)

    def unlink(self) -> None:
        """Take its name away; both ends keep the memory for as long as they use it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            _named.discard(self._path)
            self._path = None

    def view(
        self, slot: int, shape: tuple[int, int, int], give_back: Callable[[], object]
    ) -> Pixels:
        """Return the pixels in ``slot``; ``give_back`` is called when the last view is gone."""
        if not 0 <= slot < self.name.slots or np.prod(shape) > self.name.slot_bytes:
            raise ValueError(f"slot {slot} of shape {shape} is not in the ring")
        return lease(self._memory, _PAGE + slot * _rounded(self.name.slot_bytes), shape, give_back)


_named: set[Path] = set()  # of the rings made by this process that still have their name


def _forget_name(path: Path) -> None:
    if path in _named:
        _named.discard(path)
        path.unlink(missing_ok=True)


def unlink_rings() -> None:
    """Take the names away from all rings that this process made, as it ends."""
    for path in list(_named):
        _forget_name(path)


def ring_folder() -> Path:
    """Return the folder in which rings are made on POSIX: in memory where there is one."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and os.access(shm, os.W_OK) else Path(tempfile.gettempdir())


def sweep_stale_rings() -> int:
    """Delete rings whose maker died before the other end had attached; return how many."""
    if sys.platform == "win32":
        return 0
    swept = 0
    for path in ring_folder().glob(f"{NAME_START}*"):
        pid = path.name[len(NAME_START) :].split("-")[0]
        try:
            status = path.lstat()
            own = status.st_uid == os.getuid() and stat.S_ISREG(status.st_mode)
            if own and pid.isdecimal() and not _lives(int(pid)):
                path.unlink()
                swept += 1
        except (OSError, OverflowError, ValueError):  # a number beyond any process id
            continue
    return swept


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _rounded(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _checked_path(name: str) -> Path:
    path = Path(name)
    if path.parent != ring_folder() or not path.name.startswith(NAME_START):
        raise ValueError("an unusual place")
    return path


def _new_mapping(path: Path, size: int) -> mmap.mmap:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o600)
    try:
        # Reserve now: writing to a full memory file system later would be a fatal signal.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            _write_zeros(handle, size)
        return _mapping(handle, size)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _open_mapping(path: Path, size: int) -> mmap.mmap:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    try:
        if os.fstat(handle).st_size != size:
            raise ValueError("its size is another")
        return _mapping(handle, size)
    finally:
        os.close(handle)


def _mapping(handle: int, size: int) -> mmap.mmap:
    flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
    return mmap.mmap(handle, size, flags=flags)


def _write_zeros(handle: int, size: int) -> None:
    zeros = bytes(1 << 20)
    while size > 0:
        size -= os.write(handle, zeros[: min(size, len(zeros))])
