# SPDX-License-Identifier: GPL-3.0-or-later
"""The listening socket: accepts connections, checks the secret and runs one session for each."""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import socket
import threading
import time

from bridge.errors import BackendLost, HeatError, MissingHere, SecretRefused, UsageError
from bridge.frames import sweep_stale_rings, unlink_rings
from bridge.handshake import check_secret, serve_handshake
from bridge.wire import VERSION, Channel, Header
from heat_backend import __version__
from heat_backend.engines.registry import DEFAULT_ENGINE, descriptions
from heat_backend.serve.export_queue import ExportQueue
from heat_backend.serve.job_store import sweep_old_jobs
from heat_backend.serve.portrait_cache import PortraitCache
from heat_backend.serve.session import Session
from heat_backend.serve.upload_store import UploadFolder, sweep_stale_uploads

LOG = logging.getLogger("heat.serve")

MOST_UNPROVEN = 32
"""Connections without a proof; one more, and the oldest of them is dropped."""
MOST_SESSIONS = 32
REFUSAL_SECONDS = 0.3
"""Each wrong secret waits that long for its answer."""
STOP_SECONDS = 2.0


class Server:
    """A backend within this process; ``start`` it, and ``stop`` it.

    Parameters
    ----------
    secret : str
        The shared secret of all clients, at least 16 characters.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    engine, device : str
        Engine and device of portraits that name none.

    Raises
    ------
    UsageError
        The secret is too short, or the port is no port.
    MissingHere
        Nothing can listen at that address.
    """

    def __init__(
        self,
        secret: str,
        host: str = "127.0.0.1",
        port: int = 0,
        engine: str = DEFAULT_ENGINE,
        device: str = "auto",
    ) -> None:
        self._secret = check_secret(secret)
        self._listener = _listen(host, port)
        bound = self._listener.getsockname()
        self.address: tuple[str, int] = (bound[0], bound[1])
        self.cache = PortraitCache(engine, device)
        self.exports = ExportQueue(self.cache)
        self._upload_folder = UploadFolder()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._unproven: dict[int, Channel] = {}
        self._sessions: dict[int, Channel] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="heat-accept", daemon=True)

    def start(self) -> None:
        """Begin to take connections."""
        sweep_stale_rings()
        sweep_stale_uploads()
        sweep_old_jobs()
        self._thread.start()

    def stop(self) -> None:
        """Close all connections and cancel the exports; takes about two seconds at most."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            channels = [*self._unproven.values(), *self._sessions.values()]
        for channel in channels:
            channel.abort()
        self.exports.stop(STOP_SECONDS)
        unlink_rings()
        self._upload_folder.close()

    @property
    def client_count(self) -> int:
        """How many clients that proved the secret are connected."""
        with self._lock:
            return len(self._sessions)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, peer = self._listener.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                LOG.warning("cannot take a connection: %s", error)
                time.sleep(0.1)
                continue
            number = next(self._numbers)
            try:
                channel = Channel(sock)
            except OSError:
                sock.close()
                continue
            self._add_unproven(number, channel)
            threading.Thread(
                target=self._serve_connection,
                args=(number, channel, str(peer[0])),
                name=f"heat-client-{number}",
                daemon=True,
            ).start()

    def _add_unproven(self, number: int, channel: Channel) -> None:
        with self._lock:
            self._unproven[number] = channel
            if len(self._unproven) > MOST_UNPROVEN:
                self._unproven.pop(next(iter(self._unproven))).abort()

    def _serve_connection(self, number: int, channel: Channel, peer: str) -> None:
        """Serve one connection from its first byte to its last; never raises."""
        closing_error: HeatError | None = None
        try:
            serve_handshake(channel, self._secret, self._welcome(number))
            LOG.info("client %d from %s connected", number, peer)
            with self._lock:
                self._unproven.pop(number, None)
                is_full = len(self._sessions) >= MOST_SESSIONS
                self._sessions[number] = channel
            if is_full:
                raise MissingHere(f"the backend serves {MOST_SESSIONS} clients already")
            Session(channel, self.cache, self.exports, self._upload_folder).run()
            LOG.info("client %d left", number)
        except BackendLost as error:
            LOG.info("client %d was lost: %s", number, _one_line(error))
        except HeatError as error:
            LOG.warning("client %d was turned away: %s", number, _one_line(error))
            if isinstance(error, SecretRefused):
                time.sleep(REFUSAL_SECONDS)
            closing_error = error
        except Exception as error:
            LOG.error("client %d met a failure", number, exc_info=error)
            closing_error = HeatError("the backend failed; see its log")
        finally:
            # A connection counts until it is closed, so that the number of open ones stays bounded.
            channel.close(say=closing_error)
            with self._lock:
                self._unproven.pop(number, None)
                self._sessions.pop(number, None)

    def _welcome(self, number: int) -> Header:
        engines = [one.for_clients() for one in descriptions()]
        return {
            "protocol": VERSION,
            "version": __version__,
            "pid": os.getpid(),
            "client": number,
            "engines": [one.name for one in engines],
            "engine_descriptions": [one.header() for one in engines],
            "engine": self.cache.engine,
            "device": self.cache.device,
        }


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is no port; choose one from 0 (any free one) to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        # create_server lets the port be taken again at once after a restart, where that is safe.
        return socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, OverflowError, UnicodeError) as error:
        raise MissingHere(
            f"cannot listen at {host}{f':{port}' if port else ''}: {_why_not(error)}"
        ) from error


def _why_not(error: Exception) -> str:
    """Say why an address cannot be listened at, and what to do."""
    number = getattr(error, "errno", None)
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "no address of that name is known; use 127.0.0.1, which is this machine"
    if number == errno.EADDRNOTAVAIL:
        return "that address is not this machine's; use 127.0.0.1, which is"
    if number == errno.EADDRINUSE:
        return "another program uses that port; choose another, or 0 for any free one"
    if number in (errno.EACCES, errno.EPERM):
        return "that port needs an administrator; choose one from 1024 on, or 0 for any free one"
    return getattr(error, "strerror", None) or str(error)


def _one_line(error: HeatError) -> str:
    """Return the error's text as one printable line: part of it may be a client's own words."""
    return "".join(c if c.isprintable() else " " for c in str(error))
