# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process holds: memory, threads, open files and shared memory (Linux only)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bridge.frames import NAME_START, ring_folder


@dataclass(frozen=True)
class ProcessState:
    """A moment of a process.

    Attributes
    ----------
    memory_mb : float
        Resident memory that is the process' own, in 10^6 bytes.
    threads, files, rings : int
        Threads, open descriptors, and shared-memory rings that have its number in their name.
    """

    memory_mb: float
    threads: int
    files: int
    rings: int

    def __str__(self) -> str:
        return (
            f"{self.memory_mb:7.1f} MB  {self.threads:3d} threads  {self.files:3d} files  "
            f"{self.rings} rings"
        )


def process_state(pid: int) -> ProcessState:
    """Read the state of a running process from ``/proc``.

    Raises
    ------
    OSError
        There is no such process.
    """
    place = Path("/proc") / str(pid)
    status = (place / "status").read_text()
    (memory,) = re.findall(r"^RssAnon:\s+(\d+) kB", status, re.M)
    (threads,) = re.findall(r"^Threads:\s+(\d+)", status, re.M)
    rings = ring_folder().glob(f"{NAME_START}{pid}-*")
    files = sum(1 for _ in (place / "fd").iterdir())
    return ProcessState(int(memory) * 1024 / 1e6, int(threads), files, sum(1 for _ in rings))
