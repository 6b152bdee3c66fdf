# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what pip says: how far a download is, and why it failed, in a line that says what to do.

No bpy here.
"""

from __future__ import annotations

import re
import sys

_RAW_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)")

_NO_SPACE = ("No space left on device", "[Errno 28]", "not enough space on the disk")
_NO_WRITE = (
    "Permission denied",
    "[Errno 13]",
    "Access is denied",
    "[Errno 30]",
    "Read-only file system",
)
_NO_SSL = ("ssl module is not available", "the ssl module in Python is not available")
_NO_TRUST = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "SSLError")
_NO_NETWORK = (
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "Failed to resolve",
    "Name or service not known",
    "getaddrinfo failed",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Read timed out",
    "Connection refused",
    "ProxyError",
    "Connection aborted",
    "Connection broken",
    "IncompleteRead",
    "ConnectionResetError",
    "NewConnectionError",
    "ConnectionError",
    "incomplete-download",
)
_OTHER_HASH = ("DO NOT MATCH THE HASHES", "hash mismatch", "hash-mismatch")
_LONG_PATH = ("[WinError 206]", "file name or extension is too long", "long path")


def progress(line: str) -> tuple[int, int] | None:
    """Return (bytes here, bytes in all) from a line of ``--progress-bar raw``, or None."""
    raw = _RAW_PROGRESS.match(line)
    return (int(raw[1]), int(raw[2])) if raw else None


def is_of_the_network(tail: str) -> bool:
    """Return whether pip failed for want of a connection, so that no other package would come."""
    return any(sign in tail for sign in (*_NO_NETWORK, *_NO_TRUST, *_NO_SSL, *_NO_SPACE))


def explain(tail: str, what: str, platform: str = sys.platform) -> str:
    """Return in one line why pip failed and what to do.

    Parameters
    ----------
    tail : str
        The last lines of its output, or an operating system's error.
    what : str
        The package, as in "numpy 2.4.6"; "" for none.
    platform : str
        As `sys.platform`.
    """
    name = what or "A package"
    if _has(tail, _NO_SPACE):
        return "The disk is full: make room, then set up again; it goes on where it stopped"
    if _has(tail, _NO_SSL):
        return f"This Python cannot open secure connections: {install_ssl(platform)}"
    if _has(tail, _NO_TRUST):
        return (
            "The secure connection was refused: check this machine's clock and, in a company "
            'network, name its certificate file in pip\'s settings ("cert") or PIP_CERT'
        )
    # pip retries first: what it says at last counts, if no other candidate was found.
    if "407 Proxy" in tail:
        return (
            "The proxy wants a name and password: set HTTPS_PROXY=http://name:password@host:port "
            "and start Blender anew"
        )
    if _has(tail, _NO_NETWORK):
        return (
            f"{name} could not be fetched: the network, or the package index, cannot be reached. "
            "Check the connection or proxy, then set up again; what has arrived is kept"
        )
    if _has(tail, _OTHER_HASH):
        return (
            f"{name} arrived altered and was refused: set up again; if that does not help, a "
            "proxy or package index gives other files than the published ones"
        )
    if _has(tail, _LONG_PATH):
        return (
            "A path is longer than Windows allows: switch on long paths in Windows, or use a "
            "shorter user folder"
        )
    if _has(tail, _NO_WRITE):
        return (
            "A file could not be written: the user's data folder is read-only, or another "
            "program, such as a virus scanner, holds the file. Set up again"
        )
    if "not a trusted or secure host" in tail:
        return (
            "The package index has no secure address (https): if that is meant so, add "
            "trusted-host for it to pip's settings"
        )
    if re.search(r"40[13] Client Error", tail):
        return "The package index wants another name and password: see index-url in pip's settings"
    if re.search(r"5\d\d Server Error", tail):
        return f"{name} could not be fetched: the package index has trouble. Set up again later"
    if "from versions: none" in tail and "404 Client Error" not in tail:
        return (
            f"{name} was not found: the package index, or a proxy before it, answers with "
            "something else than a list of packages. Log in to the network, or check the index "
            "in pip's settings, then set up again"
        )
    if _has(tail, ("No matching distribution found", "Could not find a version that satisfies")):
        return f"{name} is not offered for this Python and system by the package index"
    return f"{name} could not be installed: the log says why"


def install_ssl(platform: str = sys.platform, version: str = "") -> str:
    """Return how a Python gets its missing ssl module on this system."""
    if platform == "linux":
        package = f"libpython{version}-stdlib" if version else "libpython3-stdlib"
        return (
            f"on Debian and Ubuntu, sudo apt install {package}; or install from a folder of wheels"
        )
    return "install from a folder of wheels, or name another Python 3.11 to 3.14"


def _has(text: str, signs: tuple[str, ...]) -> bool:
    return any(sign in text for sign in signs)
