# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's end of one connection: getting in, sending, receiving, uploading."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Mapping
from typing import Self

from .errors import BackendLost, HeatError, ProtocolError, error_from_code
from .handshake import check_secret, join_handshake
from .wire import CHUNK, TO_CLIENT, Channel, Header, Kind, Limit, Message, raise_error

Address = tuple[str, int]
Locate = Callable[[], tuple[Address, str]]

LAST_WORDS_SECONDS = 0.5


class Connection:
    """A connection to a backend, for one thread at a time; opened by ``connect``.

    Parameters
    ----------
    address : (str, int)
        Host and port.
    secret : str
        The backend's secret.
    timeout : float
        Seconds to wait for a connection and for each answer of the handshake.
    locate : callable, optional
        Gives address and secret anew before each connection, for a backend that comes back at
        another port.

    Attributes
    ----------
    welcomed : callable or None
        Told what the backend says of itself, after each connection; called in the thread that
        connects.
    """

    welcomed: Callable[[Header], None] | None = None

    def __init__(
        self, address: Address, secret: str, timeout: float = 10.0, locate: Locate | None = None
    ) -> None:
        self._address = address
        self._secret = secret
        self._timeout = timeout
        self._locate = locate
        self._channel: Channel | None = None
        self._blobs = itertools.count(1)
        self.server: Header = {}
        """WELCOME's fields: ``engines``, ``engine``, ``device``, ``version``."""

    @property
    def connected(self) -> bool:
        """Whether a connection stands, as far as is known."""
        return self._channel is not None

    def connect(self) -> Self:
        """Connect and prove the secret, unless a connection stands; return this object.

        Raises
        ------
        BackendLost
            Nothing answers at the address.
        SecretRefused, VersionMismatch
            Something answers, and will not work with us.
        """
        if self._channel is not None:
            return self
        if self._locate is not None:
            self._address, self._secret = self._locate()
        secret = check_secret(self._secret)
        host, port = self._address
        try:
            sock = socket.create_connection((host, port), self._timeout)
        except (OSError, OverflowError, UnicodeError) as error:
            raise BackendLost(f"no backend answers at {host}:{port} ({error})") from error
        channel = Channel(sock)
        try:
            self.server = join_handshake(channel, secret, self._timeout)
        except BaseException:
            channel.close()
            raise
        self._channel = channel
        if self.welcomed is not None:
            self.welcomed(self.server)
        return self

    def close(self) -> None:
        """End the connection."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None

    def fileno(self) -> int:
        """Return the socket's number for ``select``."""
        return self._open_channel().fileno()

    def tell(
        self, kind: Kind, header: Header | None = None, payload: bytes | memoryview | None = None
    ) -> None:
        """Send a message.

        Raises
        ------
        HeatError
            Why the backend hung up, if it said so; else BackendLost.
        """
        channel = self._open_channel()
        try:
            channel.send(kind, header, payload)
        except BackendLost as lost:
            error = self._last_words(channel) or lost
            self.close()
            raise error from lost

    def next_message(self, timeout: float | None) -> Message | None:
        """Return the next message, or None when none came within ``timeout`` seconds.

        Raises
        ------
        HeatError
            What an ERROR message tells; BackendLost where the connection ended.
        """
        channel = self._open_channel()
        try:
            if timeout is not None and not channel.wait(timeout):
                return None
            message = channel.receive(self._limits(), self._room)
        except (BackendLost, ProtocolError):
            self.close()
            raise
        if message is None:
            self.close()
            raise BackendLost("the backend ended the connection")
        if message.kind == Kind.ERROR:
            if message.header.get("fatal", True):
                self.close()
            raise_error(message.header)
        return message

    def request(self, kind: Kind, header: Header, answer: Kind) -> Message:
        """Send a message and return the next one of kind ``answer``."""
        self.tell(kind, header)
        while True:
            message = self.next_message(None)
            if message is not None and message.kind == answer:
                return message

    def upload(self, data: memoryview) -> int:
        """Send bytes in pieces; return the number under which later messages name them."""
        blob = next(self._blobs)
        for offset in range(0, max(1, data.nbytes), CHUNK):
            header = {"blob": blob, "size": data.nbytes, "offset": offset}
            self.tell(Kind.BLOB, header, data[offset : offset + CHUNK])
        return blob

    def _limits(self) -> Mapping[Kind, Limit]:
        return TO_CLIENT

    def _room(self, kind: Kind, header: Header, size: int) -> memoryview:
        return memoryview(bytearray(size))

    def _last_words(self, channel: Channel) -> HeatError | None:
        """Return why the backend hung up, if it said so before."""
        end = time.monotonic() + LAST_WORDS_SECONDS
        try:
            while message := channel.receive(self._limits(), self._room, deadline=end):
                if message.kind == Kind.ERROR and message.header.get("fatal", True):
                    refusal = message.header
                    return error_from_code(str(refusal.get("code")), str(refusal.get("text")))
        except HeatError:
            pass
        return None

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise BackendLost("not connected")
        return self._channel
