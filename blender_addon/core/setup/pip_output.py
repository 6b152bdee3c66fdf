# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses pip's output: its progress, and the reason of a failure in a line. No bpy here."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOWNLOADING = re.compile(
    r"^\s*Downloading (?:\S*/)?([A-Za-z0-9_.]+?)-\d\S*(?: \(([\d.]+) (kB|MB|GB)\))?"
)
_RAW_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)")
_UNITS = {"kB": 1e-3, "MB": 1.0, "GB": 1e3}

_FAILURES = (
    (
        ("No space left on device", "[Errno 28]", "not enough space on the disk"),
        "The disk is full: make room, then set up again; it goes on where it stopped",
    ),
    (
        ("Permission denied", "[Errno 13]", "Access is denied", "Read-only file system"),
        "Files could not be written: the user's data folder is read-only for this user",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SSLError"),
        "The secure connection was refused: check this machine's clock and, in a company "
        "network, its certificates (PIP_CERT)",
    ),
    (
        (
            "Temporary failure in name resolution",
            "Failed to establish a new connection",
            "Name or service not known",
            "getaddrinfo failed",
            "Network is unreachable",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "Connection refused",
            "ProxyError",
            "Connection aborted",
            "NewConnectionError",
        ),
        "The network cannot be reached: check the connection (or proxy), then set up again",
    ),
    (
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "hash mismatch"),
        "A download arrived damaged: set up again",
    ),
    (
        ("No matching distribution found", "Could not find a version that satisfies"),
        "A package is not offered for this Python and system",
    ),
)


@dataclass(frozen=True)
class PipProgress:
    """How far pip is.

    Attributes
    ----------
    fraction : float
        0..1 of the whole step, from the megabytes expected.
    text : str
        What it is doing.
    done_mb : float
        Megabytes of finished downloads.
    current_mb : float
        Size of the download under way, 0 when none.
    """

    fraction: float = 0.0
    text: str = ""
    done_mb: float = 0.0
    current_mb: float = 0.0


def advance(before: PipProgress, line: str, expected_mb: float) -> PipProgress:
    """Return the progress after one more line of `pip install --progress-bar raw`.

    Parameters
    ----------
    before : PipProgress
        State so far.
    line : str
        The line.
    expected_mb : float
        Estimated size of all downloads, for the fraction.
    """
    started = _DOWNLOADING.match(line)
    if started:
        size = float(started[2]) * _UNITS[started[3]] if started[2] else 0.0
        done = before.done_mb + before.current_mb
        text = f"Downloading {started[1]}" + (f" ({size:.0f} MB)" if size >= 1 else "")
        return PipProgress(_share(done, expected_mb), text, done, size)
    raw = _RAW_PROGRESS.match(line)
    if raw:
        now = before.done_mb + int(raw[1]) / 1e6
        return PipProgress(_share(now, expected_mb), before.text, before.done_mb, before.current_mb)
    if line.startswith("Installing collected packages"):
        done = before.done_mb + before.current_mb
        return PipProgress(0.92, "Unpacking the packages (some minutes)", done, 0.0)
    if line.startswith("Collecting "):
        text = f"Looking for {line.split()[1]}"
        return PipProgress(before.fraction, text, before.done_mb, before.current_mb)
    if line.startswith("Successfully installed"):
        return PipProgress(1.0, "Installed", before.done_mb, 0.0)
    return before


def explain(tail: str, label: str) -> str:
    """Return in one plain line why a step failed.

    Parameters
    ----------
    tail : str
        The last lines of its output.
    label : str
        What the step was doing, for failures that are not recognised.
    """
    for signs, sentence in _FAILURES:
        if any(sign in tail for sign in signs):
            missing = re.search(r"No matching distribution found for (\S+)", tail)
            if missing and sentence.startswith("A package"):
                return f"{missing[1]} is not offered for this Python and system"
            return sentence
    return f'"{label}" failed: the log says why'


def _share(megabytes: float, expected_mb: float) -> float:
    # Downloads fill the first nine tenths; unpacking has the rest.
    return min(0.9, 0.9 * megabytes / expected_mb) if expected_mb > 0 else 0.0
