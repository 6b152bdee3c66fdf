# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``serve`` command: runs one server until it is stopped."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO

from bridge.errors import HeatError
from bridge.launch import PARENT_ID_VARIABLE, PARENT_PIPE_VARIABLE
from bridge.wire import VERSION
from heat_backend.engines.registry import DEFAULT_ENGINE, describe
from heat_backend.serve.secret import read_secret
from heat_backend.serve.server import Server

LOG = logging.getLogger("heat.serve")
SWITCH_SECONDS = 0.001
POLL_SECONDS = 1.0
LAST_RESORT_SECONDS = 3.0
MOST_LOG_BYTES = 4 << 20  # of one backend's life


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    engine_name: str = DEFAULT_ENGINE,
    device: str = "auto",
    *,
    warm_up: bool = True,
) -> int:
    """Serve clients until a signal, or until the parent is gone.

    The first line on stdout is one JSON object with ``host``, ``port``, ``pid`` and ``protocol``.
    The log goes to stderr; it never has an image, a secret or a path in it that a client sent.

    Parameters
    ----------
    host, port : str, int
        Where to listen; the loopback address and a free port by default.
    engine_name, device : str
        What portraits get that name none.
    warm_up : bool
        Load that engine at once rather than with the first portrait.

    Returns
    -------
    int
        The exit status, 0.

    Raises
    ------
    UsageError
        There is no such engine, or the secret is too short.
    BadInput, MissingHere
        The secret file, or the address, cannot be used.
    """
    describe(engine_name)  # refuses an unknown one
    # Not an Event: a signal's handler may not wait for a lock that this very thread holds.
    over: queue.SimpleQueue[str] = queue.SimpleQueue()
    # First of all, as the parent may be gone before we are up.
    watch_parent(lambda: over.put("the parent is gone"))
    _log_to_stderr()
    secret, written_to = read_secret()
    with _signals_told_to(over):
        server = Server(secret, host, port, engine_name, device)
        # Rendering and sending share one interpreter lock: short turns keep frames from waiting.
        sys.setswitchinterval(SWITCH_SECONDS)
        server.start()
        _announce(server.address)
        if written_to is not None:
            LOG.info("a secret for clients was written to %s", written_to)
        _warn_of_open_address(server.address[0])
        if warm_up:
            threading.Thread(target=_warm_up, args=(server,), daemon=True).start()
        LOG.info("ending: %s", _wait(over))
        server.stop()
    return 0


def _announce(address: tuple[str, int]) -> None:
    line = {"host": address[0], "port": address[1], "pid": os.getpid(), "protocol": VERSION}
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(line), flush=True)


def _warm_up(server: Server) -> None:
    try:
        server.cache.warm_up()
    except HeatError as error:
        LOG.warning("the engine is not ready: %s", error)
    except Exception as error:
        LOG.error("the engine failed to load", exc_info=error)


def _warn_of_open_address(host: str) -> None:
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(host).is_loopback:
            LOG.warning("listening at %s: frames travel unencrypted on this network", host)


def _wait(over: queue.SimpleQueue[str]) -> str:
    # In steps, since on Windows a signal's handler runs only between them.
    while True:
        with contextlib.suppress(queue.Empty):
            return over.get(timeout=1.0)


@contextlib.contextmanager
def _signals_told_to(over: queue.SimpleQueue[str]) -> Iterator[None]:
    """Put SIGINT and SIGTERM into ``over`` while this lasts."""

    def tell(number: int, _frame: FrameType | None) -> None:
        over.put(signal.Signals(number).name)

    in_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if in_main else ()
    before = {number: signal.signal(number, tell) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _BoundedLog(logging.StreamHandler[TextIO]):
    """Writes at most ``MOST_LOG_BYTES``: who knocks without the secret must not fill the disk."""

    _written = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._written > MOST_LOG_BYTES:
            return
        self._written += len(self.format(record))
        super().emit(record)
        if self._written > MOST_LOG_BYTES:
            self.stream.write(f"the log ends here: it has reached {MOST_LOG_BYTES >> 20} MB\n")
            self.flush()


def _log_to_stderr() -> None:
    root = logging.getLogger("heat")
    if not root.handlers:
        handler = _BoundedLog(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        root.propagate = False


def watch_parent(gone: Callable[[], None]) -> None:
    """Call ``gone`` once the parent is, and end the process for sure three seconds later.

    Does nothing unless ``HEAT_PARENT_PIPE`` is ``1`` in the environment. The sign is the end of
    standard input, which the parent holds open. Another process may have inherited the parent's
    end of it, so on POSIX a change of our parent's process id, or the end of the process named by
    ``HEAT_PARENT_PID`` (a launcher may stand between), count as well.
    """
    if os.environ.pop(PARENT_PIPE_VARIABLE, None) != "1":
        return
    named = os.environ.pop(PARENT_ID_VARIABLE, "")
    parent, grandparent = os.getppid(), int(named) if named.isdigit() else None
    once = threading.Lock()

    def end() -> None:
        if once.acquire(blocking=False):
            gone()
            time.sleep(LAST_RESORT_SECONDS)
            os._exit(0)

    def watch_pipe() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        end()

    def watch_id() -> None:
        while os.getppid() == parent and (grandparent is None or _lives(grandparent)):
            time.sleep(POLL_SECONDS)
        end()

    threading.Thread(target=watch_pipe, name="heat-parent-pipe", daemon=True).start()
    if os.name == "posix":
        threading.Thread(target=watch_id, name="heat-parent-id", daemon=True).start()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
