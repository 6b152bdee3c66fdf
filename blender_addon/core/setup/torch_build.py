# SPDX-License-Identifier: GPL-3.0-or-later
"""Which build of PyTorch to install, how much that downloads, and how much it takes on disk.

What PyPI gives by default differs: on Linux the CUDA build (some 2.5 GB with NVIDIA's
libraries), on Windows and macOS the CPU build. No bpy here.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

AUTO = "AUTO"
CPU = "CPU"
CUDA = "CUDA"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_INDEX = "https://download.pytorch.org/whl/cu130"

# Download and disk in MB.
_TORCH = {"linux-cpu": (190, 800), "linux-cuda": (2600, 6200), "windows-cpu": (125, 600),
          "windows-cuda": (1900, 5000), "mac": (90, 450)}  # fmt: skip


@dataclass(frozen=True)
class TorchBuild:
    """What will be installed.

    Attributes
    ----------
    name : str
        "CPU" or "CUDA".
    index : str or None
        Package index to take torch from; None is pip's own default.
    download_mb, disk_mb : int
        Estimates, with what torch itself needs.
    """

    name: str
    index: str | None
    download_mb: int
    disk_mb: int


def choose(wanted: str, platform: str = sys.platform, nvidia: bool | None = None) -> TorchBuild:
    """Return the build for this machine.

    Parameters
    ----------
    wanted : str
        AUTO takes CUDA where an NVIDIA card is found, else CPU; or CPU or CUDA outright.
    platform : str
        As `sys.platform`.
    nvidia : bool, optional
        Whether there is an NVIDIA card; looked up when left out.
    """
    has_card = has_nvidia() if nvidia is None else nvidia
    cuda = wanted == CUDA or (wanted == AUTO and has_card)
    if platform == "darwin":
        return _build(CPU, None, "mac")
    if platform == "win32":
        if cuda:
            return _build(CUDA, CUDA_INDEX, "windows-cuda")
        return _build(CPU, None, "windows-cpu")
    if cuda:
        return _build(CUDA, None, "linux-cuda")
    return _build(CPU, CPU_INDEX, "linux-cpu")


def has_nvidia() -> bool:
    """Whether an NVIDIA driver is installed here."""
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        return True
    return Path(r"C:\Windows\System32\nvidia-smi.exe").exists()


def size_sentence(build: TorchBuild) -> str:
    """Return the estimate in words, for the dialog before anything is downloaded."""
    return (
        f"Downloads about {_gigabytes(build.download_mb)} and takes about "
        f"{_gigabytes(build.disk_mb)} on disk (PyTorch, {build.name} build)"
    )


def _gigabytes(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB"


def _build(name: str, index: str | None, key: str) -> TorchBuild:
    download, disk = _TORCH[key]
    return TorchBuild(name, index, download, disk)
