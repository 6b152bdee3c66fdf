# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine cannot have, said in a sentence before anything is downloaded. No bpy here."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_NEWEST_MAC_LIMIT = (14, 0)  # onnxruntime's wheels for macOS begin there
_LONGEST_INSIDE = (
    130  # letters of the longest path inside an environment, pip's passing folders too
)
_WINDOWS_PATH = 259


@dataclass(frozen=True)
class Machine:
    """What decides: `system` as `sys.platform`, `processor` as `platform.machine()`."""

    system: str
    processor: str
    macos: tuple[int, ...] = ()
    long_paths: bool = True


def this_machine() -> Machine:
    """Return this machine."""
    macos: tuple[int, ...] = ()
    if sys.platform == "darwin":
        macos = tuple(int(part) for part in platform.mac_ver()[0].split(".") if part.isdigit())
    return Machine(sys.platform, platform.machine(), macos, _long_paths())


def complaint(machine: Machine, data: Path) -> str | None:
    """Return why the backend cannot be set up on a machine, and what can be had, or None."""
    if machine.system == "darwin":
        if machine.processor == "x86_64":
            return (
                "The backend's packages are not made for Macs with Intel processors any more: run "
                'the backend on another machine ("heat serve" there) and choose "Another machine" '
                "in the preferences"
            )
        if machine.macos and machine.macos < _NEWEST_MAC_LIMIT:
            version = ".".join(map(str, machine.macos))
            return (
                f"The backend needs macOS 14 or newer, this is {version}: "
                "update macOS, or use a backend on another machine"
            )
    too_long = len(str(data)) + _LONGEST_INSIDE > _WINDOWS_PATH
    if machine.system == "win32" and too_long and not machine.long_paths:
        return (
            f"The folder {data} has so long a path that files in it would pass Windows' limit of "
            "260 letters: switch on long paths (LongPathsEnabled), or use a shorter user folder"
        )
    return None


def room_complaint(data: Path, needed_mb: float) -> str | None:
    """Return how much room is missing on the disk of a folder that may not exist yet, or None."""
    place = data
    while not place.exists() and place != place.parent:
        place = place.parent
    free_mb = shutil.disk_usage(place).free / 1e6
    if free_mb >= needed_mb:
        return None
    return (
        f"The disk has {free_mb / 1000:.1f} GB left, the set-up needs about "
        f"{needed_mb / 1000:.1f} GB: make room, then set up again"
    )


def _long_paths() -> bool:
    if sys.platform != "win32":
        return True
    import winreg

    try:
        key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return bool(winreg.QueryValueEx(opened, "LongPathsEnabled")[0])
    except OSError:
        return False
