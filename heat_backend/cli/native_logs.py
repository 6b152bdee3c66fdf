# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping native libraries from writing their own log lines between ours."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def native_logs_hidden(hide: bool = True) -> Iterator[None]:
    """Drop what C++ code (onnxruntime as it loads, FFmpeg) writes to standard error.

    Python's own ``sys.stderr`` goes on reaching the user, and so does an exception.

    Parameters
    ----------
    hide : bool
        False does nothing, for debugging.
    """
    if not hide:
        yield
        return
    python_stderr = sys.stderr
    python_stderr.flush()
    kept = os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    replacement = None
    if _descriptor(python_stderr) == _STDERR:
        encoding, errors = python_stderr.encoding, python_stderr.errors
        replacement = os.fdopen(os.dup(kept), "w", buffering=1, encoding=encoding, errors=errors)
        sys.stderr = replacement
    try:
        yield
    finally:
        if replacement is not None:
            replacement.close()
            sys.stderr = python_stderr
        os.dup2(kept, _STDERR)
        os.close(kept)


def _descriptor(stream: object) -> int | None:
    try:
        return stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, io.UnsupportedOperation, ValueError):
        return None
