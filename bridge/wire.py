# SPDX-License-Identifier: GPL-3.0-or-later
"""Length-prefixed, versioned messages over one socket (the layout is in PROTOCOL.md).

A message is a 16-byte prefix, a JSON header and raw payload bytes. Lengths are held against the
limits of the message's kind before a single byte of the body is read or room for it is made.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .errors import BackendLost, HeatError, ProtocolError, VersionMismatch, error_from_code

MAGIC = b"HEAT"
VERSION = 1
PREFIX = struct.Struct("<4sHHII")
"""Magic, protocol version, kind, bytes of the JSON header, bytes of the payload."""

CHUNK = 1 << 20
"""Largest piece of a file or portrait in one message."""
MAX_BLOB = 640 << 20
"""Largest uploaded file: a raw RGBA8 picture of 12,000 x 12,000 pixels passes."""
PROGRESS_IMAGE_SIDE = 256
"""Longest side of the picture that may come with PROGRESS."""
STALL_SECONDS = 30.0
"""A started message must go on within this time, in either direction."""

Header = dict[str, Any]
Buffer = bytes | bytearray | memoryview
Allocate = Callable[["Kind", Header, int], memoryview]


class Kind(IntEnum):
    """What a message is; ``ERROR`` to ``WELCOME`` keep their numbers in every version."""

    ERROR = 1
    CHALLENGE = 2
    PROOF = 3
    WELCOME = 4
    PING = 5
    PONG = 6
    BLOB = 16
    PREPARE = 17
    PROGRESS = 18
    PREPARED = 19
    CANCEL = 20
    RING_ANSWER = 24
    RENDER = 26
    FRAME = 27
    EXPORT = 32
    JOB_QUERY = 33
    JOB_CANCEL = 34
    JOB_FORGET = 35
    JOB_STATUS = 36
    FILE_LIST = 37
    FILES = 38
    FILE_GET = 39
    FILE_DATA = 40
    PROBE = 48
    PROBED = 49


@dataclass(frozen=True)
class Limit:
    """The most bytes that a message of one kind may have."""

    header: int = 4096
    payload: int = 0


Limits = Mapping[Kind, Limit]

BEFORE_PROOF: Limits = {Kind.PROOF: Limit(1024), Kind.ERROR: Limit(1024)}
"""All that a server takes from a client that has proven nothing yet."""

TO_SERVER: Limits = {
    Kind.ERROR: Limit(),
    Kind.PING: Limit(),
    Kind.BLOB: Limit(payload=CHUNK),
    Kind.PREPARE: Limit(),
    Kind.CANCEL: Limit(),
    Kind.RING_ANSWER: Limit(),
    Kind.RENDER: Limit(header=128 << 10, payload=8192),
    Kind.EXPORT: Limit(header=64 << 10),
    Kind.JOB_QUERY: Limit(),
    Kind.JOB_CANCEL: Limit(),
    Kind.JOB_FORGET: Limit(),
    Kind.FILE_LIST: Limit(),
    Kind.FILE_GET: Limit(),
    Kind.PROBE: Limit(header=64 << 10),
}

TO_CLIENT: Limits = {
    Kind.ERROR: Limit(64 << 10),
    Kind.CHALLENGE: Limit(),
    Kind.WELCOME: Limit(64 << 10),
    Kind.PONG: Limit(),
    Kind.PROGRESS: Limit(64 << 10, PROGRESS_IMAGE_SIDE * PROGRESS_IMAGE_SIDE * 4),
    Kind.PREPARED: Limit(64 << 10),
    Kind.FRAME: Limit(),
    Kind.JOB_STATUS: Limit(64 << 10),
    Kind.FILES: Limit(512 << 10),
    Kind.FILE_DATA: Limit(payload=CHUNK),
    Kind.PROBED: Limit(),
}
"""What a client takes; of FRAME it also takes the payload of the size that it prepared."""


@dataclass(frozen=True, eq=False)
class Message:
    """One message as received."""

    kind: Kind
    header: Header
    payload: memoryview
    version: int = VERSION


class Channel:
    """Messages over one connected stream socket.

    Any thread may send, one thread at a time receives, and any thread may ``close``.

    Parameters
    ----------
    sock : socket.socket
        A connected stream socket; the channel owns it from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sending = threading.Lock()
        self._prefix = bytearray(PREFIX.size)
        sock.settimeout(STALL_SECONDS)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._readable = selectors.DefaultSelector()
        self._readable.register(sock, selectors.EVENT_READ)

    def fileno(self) -> int:
        """Return the socket's number for ``select``; -1 once closed."""
        return self._socket.fileno()

    def wait(self, timeout: float | None) -> bool:
        """Wait until something can be received (True) or ``timeout`` seconds are over."""
        try:
            return bool(self._readable.select(timeout))
        except (OSError, ValueError) as error:
            raise BackendLost("the connection is closed") from error

    def send(self, kind: Kind, header: Header | None = None, payload: Buffer | None = None) -> None:
        """Send one message without copying the payload.

        Raises
        ------
        BackendLost
            The other end is gone, or took nothing for ``STALL_SECONDS``.
        """
        text = json.dumps(header or {}, separators=(",", ":"), allow_nan=False).encode()
        body = memoryview(payload).cast("B") if payload is not None else memoryview(b"")
        head = PREFIX.pack(MAGIC, VERSION, kind, len(text), body.nbytes) + text
        try:
            with self._sending:
                self._send_parts(head, body)
        except (OSError, ValueError) as error:
            raise BackendLost(f"the connection broke ({error})") from error

    def _send_parts(self, head: bytes, body: memoryview) -> None:
        if not body.nbytes or not hasattr(self._socket, "sendmsg"):
            parts = [memoryview(head), body]
            sent = 0
        else:
            sent = self._socket.sendmsg([head, body])
            parts = [memoryview(head)[sent:], body[max(0, sent - len(head)) :]]
        for part in parts:
            # Not sendall: its timeout counts for the whole, here every step forward renews it.
            while part.nbytes:
                part = part[self._socket.send(part) :]

    def receive(
        self,
        limits: Limits,
        allocate: Allocate | None = None,
        deadline: float | None = None,
        any_version: bool = False,
    ) -> Message | None:
        """Receive one message; waits for its first byte without a limit unless told one.

        Parameters
        ----------
        limits : mapping of Kind to Limit
            The kinds expected now. Nothing else is read further than its prefix.
        allocate : callable, optional
            Gives the memory for the payload from kind, header and byte count; may raise
            ProtocolError. The count was held against the limits before.
        deadline : float, optional
            ``time.monotonic()`` by which the whole message must be there.
        any_version : bool
            Take a message of another protocol version (only in the handshake, where the kinds
            that can come are the same in every version).

        Returns
        -------
        Message or None
            None when the other end closed the connection between two messages.

        Raises
        ------
        ProtocolError
            Malformed, too large, unexpected, half or stalled.
        BackendLost
            The connection broke.
        """
        try:
            if deadline is None:
                self.wait(None)
            if not self._fill(memoryview(self._prefix), deadline, may_end=True):
                return None
            version, kind, header_size, payload_size = self._opened(limits, any_version)
            header = _parsed(self._body(header_size, deadline))
            room = (allocate or _plain_room)(kind, header, payload_size)
            self._fill(room, deadline)
        except TimeoutError as error:
            raise ProtocolError("half a message, and then nothing more came") from error
        except (ConnectionError, OSError, ValueError) as error:
            raise BackendLost(f"the connection broke ({error})") from error
        return Message(kind, header, room, version)

    def _opened(self, limits: Limits, any_version: bool) -> tuple[int, Kind, int, int]:
        magic, version, number, header_size, payload_size = PREFIX.unpack(self._prefix)
        if magic != MAGIC:
            raise ProtocolError("what came is not a message of this protocol")
        if version != VERSION and not any_version and number != Kind.ERROR:
            raise version_mismatch(theirs=version)
        limit = limits.get(number)
        if limit is None:
            raise ProtocolError(f"a message of kind {number} is unknown or not expected here")
        kind = Kind(number)
        if header_size > limit.header or payload_size > limit.payload:
            raise ProtocolError(
                f"a {kind.name} message of {header_size} + {payload_size} bytes is larger than "
                f"the {limit.header} + {limit.payload} allowed"
            )
        return version, kind, header_size, payload_size

    def _body(self, size: int, deadline: float | None) -> bytearray:
        body = bytearray(size)
        self._fill(memoryview(body), deadline)
        return body

    def _fill(self, room: memoryview, deadline: float | None, may_end: bool = False) -> bool:
        have = 0
        while have < room.nbytes:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not self.wait(left):
                    raise TimeoutError
            got = self._socket.recv_into(room[have:])
            if got == 0:
                if may_end and have == 0:
                    return False
                raise ProtocolError("the connection ended in the middle of a message")
            have += got
        return True

    def close(self, say: HeatError | None = None) -> None:
        """Close the connection, telling the other end why if ``say`` is given.

        What the other end still sends is read and dropped for a moment: closing with unread bytes
        would reset the connection and take our last words with it.
        """
        try:
            if say is not None:
                self.send(Kind.ERROR, error_header(say))
                self._socket.shutdown(socket.SHUT_WR)
                end = time.monotonic() + 1.0
                scrap = bytearray(64 << 10)
                while (left := end - time.monotonic()) > 0 and self.wait(left):
                    if not self._socket.recv_into(scrap):
                        break
        except (OSError, BackendLost):
            pass
        finally:
            self.abort()
            self._readable.close()
            self._socket.close()

    def abort(self) -> None:
        """End the connection at once; a thread that waits in it wakes up."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def error_header(error: HeatError, **more: object) -> Header:
    """Return the header of the ERROR message for ``error``."""
    return {"code": error.code, "text": str(error)[:2000], **more}


def raise_error(header: Header) -> None:
    """Raise the error of an ERROR message."""
    raise error_from_code(str(header.get("code")), str(header.get("text", "unknown failure")))


def version_mismatch(theirs: int) -> VersionMismatch:
    """Return the error for two ends of different versions, saying which end is the older."""
    which = "newer: update this end" if theirs > VERSION else "older: update the other end"
    return VersionMismatch(
        f"the other end speaks version {theirs} of the bridge's protocol, this end {VERSION}; "
        f"the other one is {which}"
    )


def _plain_room(kind: Kind, header: Header, size: int) -> memoryview:
    return memoryview(bytearray(size))


def _parsed(body: bytearray) -> Header:
    if not body:
        return {}
    try:
        header = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("the header of a message is not JSON") from error
    if not isinstance(header, dict):
        raise ProtocolError("the header of a message is not a JSON object")
    return header


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
