# SPDX-License-Identifier: GPL-3.0-or-later
"""Out-of-memory errors of CPU and GPU: recognised, and turned into a line on what to do."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bridge.errors import MissingHere

NEEDED = {"cpu": "about 4 GB of free memory", "cuda": "about 4 GB of free GPU memory"}


def release_freed_memory() -> None:
    """Return freed memory to the operating system.

    glibc keeps freed blocks between those in use: a gigabyte once the encoders are freed.
    """
    gc.collect()
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means out of memory; for the CPU, torch says so in words only."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "not enough memory" in text or "can't allocate memory" in text or "out of memory" in text
    )


@contextmanager
def report_out_of_memory(device: str) -> Iterator[None]:
    """Turn an out-of-memory error into one line that says what to do.

    Raises
    ------
    MissingHere
        In place of torch's errors.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if device == "cuda":
            torch.cuda.empty_cache()
            mend = "close other programs that use the GPU, or choose --device cpu"
        else:
            mend = "close other programs, or choose the engine warp"
        raise MissingHere(f"the StyleHEAT engine needs {NEEDED[device]}: {mend}") from error
