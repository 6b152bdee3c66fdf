# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said when a device has too little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bridge.errors import MissingHere

NEEDED = {"cpu": "about 4 GB of free memory", "cuda": "about 4 GB of free GPU memory"}


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch tells of the CPU's by words only."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "not enough memory" in text or "can't allocate memory" in text or "out of memory" in text
    )


@contextmanager
def told_when_short(device: str) -> Iterator[None]:
    """Turn a shortage of memory into one line that says what to do.

    Raises
    ------
    MissingHere
        In place of torch's errors.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        if device == "cuda":
            torch.cuda.empty_cache()
            mend = "close other programs that use the GPU, or choose --device cpu"
        else:
            mend = "close other programs, or choose the engine warp"
        raise MissingHere(f"the StyleHEAT engine needs {NEEDED[device]}: {mend}") from error
