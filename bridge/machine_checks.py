# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the machine that need no package: both the add-on and ``heat doctor`` make them."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from .checks import CHECK_AGAIN, MISSING, OK, OPEN_FOLDER, WARNING, Check

PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
"""Versions of Python that all packages have wheels for."""
LEAST_FREE_GB = 1.0
"""Free disk below which exports and caches are likely to fail."""
_LOOPBACK_SECONDS = 5.0  # a connection within one machine takes less than a millisecond
_WORD = b"heat"


def check_python(version: tuple[int, int, int] | None = None) -> Check:
    """Return whether a Python, by default this one, is one that all packages have wheels for."""
    version = version or sys.version_info[:3]
    said = ".".join(map(str, version))
    if version[:2] in PYTHONS:
        return Check("python", OK, f"{said}, {sys.executable}")
    first, last = (".".join(map(str, one)) for one in (PYTHONS[0], PYTHONS[-1]))
    return Check(
        "python", MISSING, f"{said}: {first} to {last} is needed", f"install Python {last}"
    )


def check_certificates() -> Check:
    """Return whether this Python can make secure connections, which all downloads are."""
    name = "secure connections"
    try:
        ssl = importlib.import_module("ssl")
    except ImportError as error:
        detail = f"this Python has no ssl ({error}): nothing can be downloaded with it"
        mend = "install from a folder of wheels, or take a Blender from blender.org"
        return Check(name, WARNING, detail, mend)  # what is there already works without
    return Check(name, OK, str(ssl.OPENSSL_VERSION))


def check_loopback() -> Check:
    """Return whether programs of this machine may talk to each other, as Blender and backend do."""
    name = "local connections"
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(_LOOPBACK_SECONDS)
            with socket.create_connection(server.getsockname(), _LOOPBACK_SECONDS) as here:
                there, _address = server.accept()
                with contextlib.closing(there):
                    here.sendall(_WORD)
                    there.settimeout(_LOOPBACK_SECONDS)
                    heard = there.recv(len(_WORD))
    except OSError as error:
        detail = f"127.0.0.1 is refused: {error.strerror or error}"
        mend = (
            "let the firewall or security program allow Blender to connect to this machine itself"
        )
        return Check(name, MISSING, detail, mend, CHECK_AGAIN)
    if heard != _WORD:
        detail = "127.0.0.1 answers with something else than what was sent"
        mend = "look for a security program or proxy that changes local connections"
        return Check(name, MISSING, detail, mend, CHECK_AGAIN)
    return Check(name, OK, "127.0.0.1 can be reached")


def check_folder(name: str, folder: Path, least_gb: float = LEAST_FREE_GB) -> Check:
    """Return whether a folder can be written and its disk has room.

    Parameters
    ----------
    name : str
        What it is for.
    folder : Path
        It may not exist yet: then the nearest folder above it is looked at.
    least_gb : float
        Free gigabytes (10^9 bytes) below which it is warned.
    """
    place = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
        free = shutil.disk_usage(place).free / 1e9
    except OSError as error:
        detail = f"{folder}: {error.strerror or error}"
        mend = f'make it writable for your user: "{place}"'
        return Check(name, MISSING, detail, mend, OPEN_FOLDER, str(place))
    if free < least_gb:
        detail = f"{folder}: {free:.1f} GB free, {least_gb:.1f} GB should be"
        return Check(name, WARNING, detail, "free some disk space", OPEN_FOLDER, str(place))
    return Check(name, OK, f"{folder}: {free:.0f} GB free", place=str(place))


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
