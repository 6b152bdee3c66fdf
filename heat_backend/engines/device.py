# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to compute: the CPU, or a GPU that can be used."""

from __future__ import annotations

import ctypes
import sys

from bridge.errors import MissingHere, UsageError
from heat_backend.engines import networks


def chosen_device(asked: str) -> str:
    """Choose ``"cuda"`` where it is asked for, or usable and ``"auto"`` is; else ``"cpu"``.

    Raises
    ------
    bridge.errors.UsageError
        When there is no device of that name.
    bridge.errors.MissingHere
        When CUDA is asked for and cannot be used, or PyTorch is not installed.
    """
    if asked not in ("auto", "cpu", "cuda"):
        raise UsageError(f"no device named {asked!r}; choose auto, cpu or cuda")
    if asked == "cpu" or (asked == "auto" and not _cuda_driver()):
        return "cpu"
    if asked == "auto" and not networks.are_here():
        return "cpu"
    networks.require_networks("the device cuda")
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if asked == "auto":
        return "cpu"
    raise MissingHere(
        "no CUDA GPU can be used here: choose --device cpu or auto, "
        "or see what  heat doctor  says about the GPU"
    )


def _cuda_driver() -> bool:
    """Whether NVIDIA's driver is there: asking torch takes seconds and much memory."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
