# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads one file with resumption: what has been received is kept beside its place.

``NAME.part`` grows, ``NAME.part.json`` holds address, validator (ETag or date) and size that it
belongs to (HTTP range requests, RFC 9110, section 14). The caller checks and moves it.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bridge.errors import BadInput, Cancelled, HeatError, MissingHere, UsageError
from heat_backend.engines.protocol import CancelCheck

Report = Callable[[int, int], None]

CHUNK = 1 << 18  # bytes between progress reports and cancel checks
_TIMEOUT = 60.0  # seconds without a byte
_MAX_FAILURES = 3  # connections in a row that bring nothing
RETRY_PAUSE = 1.0  # seconds, times the failures so far
_RESERVE = 200_000_000  # bytes that stay free on the disk
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_AGENT = "heat-weights/1"


class _ConnectionLostError(Exception):
    """The connection ended before the file did."""


@dataclass(frozen=True)
class Version:
    """Which version of what a part belongs to; ``size`` -1 where the server does not tell."""

    address: str
    validator: str
    size: int


def partial_path(place: Path) -> Path:
    """Return where an unfinished download of ``place`` is kept."""
    return place.with_name(place.name + ".part")


def discard(place: Path) -> None:
    """Throw an unfinished download away."""
    for path in (partial_path(place), _metadata_path(place)):
        path.unlink(missing_ok=True)


def download(address: str, place: Path, report: Report, cancelled: CancelCheck) -> Path:
    """Bring a file here, going on with what is here of it.

    Parameters
    ----------
    address : str
        http or https.
    place : Path
        Where the file is to stand in the end; nothing is written there.
    report : callable
        Called with (bytes received, bytes in all or -1).
    cancelled : callable
        Called between chunks.

    Returns
    -------
    Path
        The whole download (see :func:`partial_path`), for the caller to check and move.

    Raises
    ------
    MissingHere
        The server cannot be reached, does not have it, or the disk is full.
    BadInput
        The server answers with something else, or the folder cannot be written to.
    Cancelled
        ``cancelled()`` became true; what came is kept.
    """
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        raise UsageError(f"{address}: give an address that begins with http:// or https://")
    with _write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = _size(partial_path(place))
        try:
            _resume(address, place, report, cancelled)
        except _ConnectionLostError as lost:
            failures = 0 if _size(partial_path(place)) > before else failures + 1
            if failures >= _MAX_FAILURES:
                raise MissingHere(_lost_message(address, place, str(lost))) from lost
            time.sleep(RETRY_PAUSE * failures)
            continue
        _metadata_path(place).unlink(missing_ok=True)
        return partial_path(place)


def _resume(address: str, place: Path, report: Report, cancelled: CancelCheck) -> None:
    """One connection: ask for the rest, and append it."""
    part, partial = partial_path(place), _partial_version(address, place)
    received = _size(part) if partial is not None else 0
    if partial is not None and received == partial.size:
        return
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if partial is not None and received:
        headers |= {"Range": f"bytes={received}-", "If-Range": partial.validator}
    with _open(urllib.request.Request(address, headers=headers), place) as response:
        start, version = _resume_position(response, address, received)
        _check_kind(response, address)
        _check_room(place, version.size - start)
        with _write_errors(place):
            _metadata_path(place).write_text(json.dumps(asdict(version)), encoding="utf-8")
        _append(response, place, start, version.size, report, cancelled)
    if version.size >= 0 and _size(part) != version.size:
        raise _ConnectionLostError("the connection ended early")


def _append(
    response: Any, place: Path, start: int, size: int, report: Report, cancelled: CancelCheck
) -> None:
    done = start
    with _write_errors(place), partial_path(place).open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        report(done, size)
        while True:
            if cancelled():
                raise Cancelled("stopped; what was fetched is kept, the next fetch goes on there")
            chunk = _read(response)
            if not chunk:
                return
            done += file.write(chunk)
            report(done, size)


def _read(response: Any) -> bytes:
    try:
        return bytes(response.read(CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _ConnectionLostError(_reason(error)) from error


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirection from https to an address that anybody in between can change."""

    def redirect_request(  # type: ignore[no-untyped-def]
        self, req, fp, code, msg, headers, newurl
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            host = urllib.parse.urlsplit(req.full_url).netloc
            raise BadInput(f"{host} sends on to an address without https: fetch it by hand")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _open(request: urllib.request.Request, place: Path) -> Iterator[Any]:
    """Open an address; what the server refuses becomes a line."""
    host = urllib.parse.urlsplit(request.full_url).netloc
    try:
        response = urllib.request.build_opener(_SafeRedirects).open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what is here is not the beginning of what is there
            discard(place)
            raise _ConnectionLostError("the file has changed on the server") from error
        raise _refusal(error, host, place) from error
    except urllib.error.URLError as error:
        raise _ConnectionLostError(_reason(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _ConnectionLostError(_reason(error)) from error
    with contextlib.closing(response):
        yield response


def _resume_position(response: Any, address: str, received: int) -> tuple[int, Version]:
    """Return from which byte the answer goes on, and the version that it is of."""
    start, size = 0, int(response.headers.get("Content-Length") or -1)
    if response.status == 206:
        match = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if match is None or int(match[1]) != received:
            raise BadInput(f"{address}: the server answers with another part than asked for")
        start, size = received, -1 if match[2] == "*" else int(match[2])
    tag = response.headers.get("ETag", "")
    # A weak tag does not promise the same bytes.
    validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    return start, Version(address, validator, size)


def _check_kind(response: Any, address: str) -> None:
    if response.headers.get_content_type() == "text/html":
        host = urllib.parse.urlsplit(address).netloc
        raise BadInput(
            f"{host} answers with a web page in place of the file: a login or proxy page may be "
            f"in between; open {address} in a browser"
        )


def _check_room(place: Path, needed: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if needed > 0 and free < needed + _RESERVE:
        raise MissingHere(
            f"{place.name} needs {(needed + _RESERVE) / 1e9:.1f} GB more on the disk of "
            f"{place.parent}, where {free / 1e9:.1f} GB are free: make room, or name another "
            "folder (HEAT_WEIGHTS), then fetch again"
        )


def _partial_version(address: str, place: Path) -> Version | None:
    """Return what is known of the part that is here, or None when it cannot be gone on with."""
    try:
        raw = json.loads(_metadata_path(place).read_text("utf-8"))
        partial = Version(str(raw["address"]), str(raw["validator"]), int(raw["size"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    usable = partial.address == address and partial.validator and partial_path(place).is_file()
    return partial if usable else None


def _refusal(error: urllib.error.HTTPError, host: str, place: Path) -> HeatError:
    status = f"{error.code} {error.reason}".strip()
    if error.code in {404, 410}:
        return MissingHere(
            f"{host} does not have {place.name} ({status}): get it elsewhere and put it at {place}"
        )
    if error.code in {401, 403, 407, 451}:
        return MissingHere(
            f"{host} refuses {place.name} ({status}): a proxy or login may be needed"
        )
    return MissingHere(f"{host} cannot serve {place.name} now ({status}): fetch again later")


def _lost_message(address: str, place: Path, reason: str) -> str:
    host = urllib.parse.urlsplit(address).netloc
    received, partial = _size(partial_path(place)), _partial_version(address, place)
    if received and partial is not None:
        share = f"{received / partial.size:.0%}" if partial.size > 0 else f"{received / 1e6:.0f} MB"
        return (
            f"the connection to {host} broke ({reason}): {share} of {place.name} is kept; "
            "fetch again to go on from there"
        )
    return (
        f"{place.name} cannot be fetched from {host} ({reason}): check the connection or proxy, "
        "then fetch again"
    )


@contextmanager
def _write_errors(place: Path) -> Iterator[None]:
    """Turn the ``OSError`` of a write into the user's line."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise MissingHere(
                f"the disk of {place.parent} is full: what was fetched is kept; make room, then "
                "fetch again"
            ) from error
        reason = _reason(error)
        raise BadInput(f"cannot write to {place.parent}: {reason}; name another folder") from error


def _reason(error: object) -> str:
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
    return " ".join(text.split())[:120]


def _metadata_path(place: Path) -> Path:
    return place.with_name(place.name + ".part.json")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
