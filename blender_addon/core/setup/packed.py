# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension brings for the set-up: wheels of the backend and of pip, and the lock.

The lock is a requirements file with hashes for every system and Python; `sizes.json` beside it
tells what its wheels weigh. No bpy here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ... import bridge

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One package of a lock.

    Attributes
    ----------
    name, version : str
        As in "numpy", "2.4.6".
    hashes : frozenset of str
        "sha256:" and 64 digits, for each of its wheels; empty where the lock has none.
    """

    name: str
    version: str
    hashes: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """As a user reads it."""
        return f"{self.name} {self.version}"

    @property
    def requirement(self) -> str:
        """A line of a requirements file."""
        return " ".join(
            (f"{self.name}=={self.version}", *(f"--hash={h}" for h in sorted(self.hashes)))
        )


@dataclass(frozen=True)
class Packed:
    """The extension's own files for a set-up.

    Attributes
    ----------
    backend, pip, lock : Path
        The backend's wheel, pip's wheel, and the lock of the default packages.
    """

    backend: Path
    pip: Path
    lock: Path

    @property
    def wheels(self) -> Path:
        """Folder of wheels; in a bundle it holds those of all packages."""
        return self.backend.parent


def find(addon_folder: Path) -> Packed:
    """Return what the extension brings.

    Raises
    ------
    MissingHere
        It brings nothing, as in a source checkout, or was packed incompletely.
    """
    backends = sorted((addon_folder / "wheels").glob("heat-*.whl"))
    pips = sorted((addon_folder / "wheels").glob("pip-*.whl"))
    lock = addon_folder / "locks" / "default.txt"
    if not (backends and pips and lock.is_file()):
        raise bridge.errors.MissingHere(
            "This copy of the add-on brings no backend to install: install the packed "
            'extension, or choose "An environment that exists" in the preferences'
        )
    return Packed(backends[-1], pips[-1], lock)


def bundle_of(packed: Packed) -> str:
    """Return in a sentence, with a blank behind, what a bundle's wheels are for; "" for none."""
    try:
        text = (packed.wheels / "bundle.json").read_text(encoding="utf-8")
    except OSError:
        return ""
    values = json.loads(text)
    return f"This add-on carries wheels for Python {values['python']} on {values['platform']}. "


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Return the packages of a lock, in its order.

    Raises
    ------
    BadInput
        It is no lock.
    """
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    pins = tuple(
        Pin(match[1], match[2], frozenset(_HASH.findall(line)))
        for line in text.splitlines()
        if (match := _PIN.match(line))
    )
    if not pins:
        raise bridge.errors.BadInput(f"The lock {path} names no packages: install the add-on again")
    return pins


def normal_name(name: str) -> str:
    """Return a distribution's name as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def extra_requirements(wheel: Path, extra: str) -> tuple[str, ...]:
    """Return what an extra of a wheel asks for, such as ("torch==2.13.0",)."""
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        name = next((n for n in archive.namelist() if n.endswith(".dist-info/METADATA")), None)
        text = archive.read(name).decode("utf-8") if name else ""
    found = re.findall(r"^Requires-Dist: ([^;\n]+);(.*)$", text, re.MULTILINE)
    asked = re.compile(rf"extra *== *['\"]{extra}['\"]")
    return tuple(what.strip() for what, marker in found if asked.search(marker))


def read_report(text: str) -> list[Pin]:
    """Return the packages in a report of ``pip install --dry-run --report``."""
    pins = []
    for item in json.loads(text)["install"]:
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        known = frozenset({f"sha256:{hashes['sha256']}"} if "sha256" in hashes else ())
        pins.append(Pin(str(item["metadata"]["name"]), str(item["metadata"]["version"]), known))
    return pins


def short_key(*parts: str) -> str:
    """Return twelve digits that stand for some words."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; read again only when the file has changed."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Size:
    """Megabytes (1e6 bytes) to download and on disk."""

    download: float
    disk: float


_UNPACKED = 3.0  # bytes on disk for one of a wheel: 714 MB of 237 MB (Linux, Python 3.13)
_SYSTEMS = {"win32": "windows", "darwin": "macos", "linux": "linux"}
_PROCESSORS = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "aarch64"}


def wheel_sizes(packed: Packed) -> dict[str, float]:
    """Return the megabytes of each package's wheel here: name as `normal_name` has it -> size.

    Those of another system stand for those of one that is not in the table.
    """
    try:
        text = packed.lock.with_name("sizes.json").read_text(encoding="utf-8")
    except OSError:
        return {}
    table: dict[str, dict[str, dict[str, int]]] = json.loads(text)
    system = _SYSTEMS.get(sys.platform, "linux")
    here = f"{system}-{_PROCESSORS.get(platform.machine().lower(), 'x86_64')}"
    of_system = table.get(here) or next(iter(table.values()))
    of_python = of_system.get(this_python()) or next(iter(of_system.values()))
    return {name: size / 1e6 for name, size in of_python.items()}


def default_size(packed: Packed) -> Size:
    """Return what the default set and the backend weigh together."""
    download = sum(wheel_sizes(packed).values())
    # The backend comes with the extension.
    return Size(download, _UNPACKED * (download + packed.backend.stat().st_size / 1e6))


def size_lines(packed: Packed) -> list[str]:
    """Return what is downloaded, in words: the sum, then the packages, largest first."""
    sizes = sorted(wheel_sizes(packed).items(), key=lambda row: -row[1])
    whole = default_size(packed)
    large = [f"{name} {size:.0f}" for name, size in sizes if size >= 1]
    small = len(sizes) - len(large)
    rest = f", and {small} small ones" if small else ""
    return [
        f"Downloads about {whole.download:.0f} MB and takes about {whole.disk:.0f} MB on disk",
        f"Packages (MB): {', '.join(large)}{rest}" if large else f"{small} small packages",
    ]


def this_python() -> str:
    """Return Blender's own Python version as "3.13"."""
    return "{}.{}".format(*sys.version_info[:2])
