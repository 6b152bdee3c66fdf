# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends valid and broken messages to a backend, from proven and unproven clients at once.

    python -m tools.endurance.message_storm --messages 10000000

The backend must stay alive, write no traceback, and grow by little.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import HeatError
from bridge.handshake import join_handshake
from bridge.launch import BackendProcess
from bridge.wire import MAGIC, PREFIX, TO_SERVER, VERSION, Channel, Kind
from tools.endurance.process_state import ProcessState, process_state

LONGEST_BURST = 200  # messages in one write: the backend's speed is asked for, not the network's
PROVEN_SHARE = 0.8  # of the clients
BROKEN_SHARE = 0.004  # of a proven client's messages: most cost the connection


@dataclass(frozen=True)
class StormResult:
    """What a storm did to the backend.

    Attributes
    ----------
    sent : int
        Messages.
    connections : int
    kinds : Counter
        Messages by kind; broken ones under ``"broken"``.
    before, after : ProcessState
        After the first tenth of the messages, and at the end with all clients gone.
    tracebacks : int
        In the backend's log.
    log_bytes : int
    """

    sent: int
    connections: int
    kinds: Counter[str]
    before: ProcessState
    after: ProcessState
    tracebacks: int
    log_bytes: int


def packed(kind: int, header: bytes = b"{}", payload: bytes = b"") -> bytes:
    """Return a message as it stands on the wire."""
    return PREFIX.pack(MAGIC, VERSION, kind, len(header), len(payload)) + header + payload


def valid_message(chance: random.Random) -> tuple[str, bytes]:
    """Make a message that a client may send at any time, with its kind's name."""
    name = secret_name(chance)
    headers: dict[Kind, dict[str, object]] = {
        Kind.PING: {"number": chance.random()},
        Kind.CANCEL: {},
        Kind.RING_ANSWER: {"attached": chance.random() < 0.5},
        Kind.JOB_QUERY: {"job": name},
        Kind.JOB_CANCEL: {"job": name},
        Kind.JOB_FORGET: {"job": name},
        Kind.FILE_LIST: {"job": name, "start": 0},
        Kind.FILE_GET: {"job": name, "name": "frame_000001.png", "offset": 0, "size": 100},
        Kind.PROBE: {"folder": "/tmp", "name": f".heat-probe-{name}", "token": name},
    }
    kind = chance.choice(list(headers))
    return kind.name, packed(kind, json.dumps(headers[kind]).encode())


def secret_name(chance: random.Random) -> str:
    """Return 16 hexadecimal digits."""
    return f"{chance.getrandbits(64):016x}"


def broken_message(chance: random.Random) -> bytes:
    """Make a message that is wrong somewhere: its bytes, its kind, its sizes or its fields."""
    how = chance.randrange(5)
    if how == 0:
        return chance.randbytes(chance.randrange(1, 400))
    if how == 1:
        return packed(chance.randrange(1 << 16), b"{}")
    if how == 2:
        return PREFIX.pack(MAGIC, VERSION, chance.choice(list(TO_SERVER)), 1 << 31, 1 << 31)
    if how == 3:
        strange: object = chance.choice((None, -1, 1e308, "\ud800", "x" * 900, [], {"a": {}}, True))
        fields = ("portrait", "blob", "size", "offset", "job", "target", "sequence", "edits",
                  "options", "fps", "engine", "name", "folder", "token", "released")  # fmt: skip
        header = {chance.choice(fields): strange for _ in range(chance.randrange(1, 5))}
        kind = chance.choice(list(TO_SERVER))
        return packed(kind, json.dumps(header).encode(), chance.randbytes(chance.randrange(64)))
    message = bytearray(valid_message(chance)[1])
    for _ in range(chance.randrange(1, 8)):
        message[chance.randrange(len(message))] = chance.randrange(256)
    return bytes(message)


class _Storm:
    """The clients of one storm; each runs in a thread."""

    def __init__(self, backend: BackendProcess, messages: int, seed: int) -> None:
        self._backend = backend
        self._left = messages
        self._seed = seed
        self._lock = threading.Lock()
        self.kinds: Counter[str] = Counter()
        self.connections = 0
        self.failed: list[str] = []

    @property
    def left(self) -> int:
        return self._left

    def client(self, number: int, proven: bool) -> None:
        chance = random.Random(self._seed * 1000 + number)
        while self._left > 0 and not self.failed:
            try:
                self._connection(chance, proven)
            except (OSError, HeatError):
                if not self._backend.alive():
                    self.failed.append("the backend died")

    def _connection(self, chance: random.Random, proven: bool) -> None:
        with socket.create_connection(self._backend.address, 30) as raw:
            with self._lock:
                self.connections += 1
            if proven:
                join_handshake(Channel(raw), self._backend.secret, 30.0)
            reader = threading.Thread(target=_drain, args=(raw,), daemon=True)
            reader.start()
            while self._left > 0 and reader.is_alive():
                many = chance.randrange(1, LONGEST_BURST) if proven else 1
                burst = [self._message(chance, proven) for _ in range(many)]
                raw.sendall(b"".join(message for _, message in burst))
                with self._lock:
                    self._left -= len(burst)
                    self.kinds.update(kind for kind, _ in burst)
                if not proven:
                    reader.join(2.0)  # one answer is all that the unproven get
            raw.shutdown(socket.SHUT_WR)
            reader.join(30.0)

    def _message(self, chance: random.Random, proven: bool) -> tuple[str, bytes]:
        if not proven or chance.random() < BROKEN_SHARE:
            return "broken", broken_message(chance)
        return valid_message(chance)


def _drain(raw: socket.socket) -> None:
    try:
        while raw.recv(1 << 20):
            pass
    except OSError:
        pass


def storm(messages: int, clients: int, seed: int, log: Path) -> StormResult:
    """Start a backend, send that many messages, and end it.

    Parameters
    ----------
    messages : int
    clients : int
        At once; four of five prove the secret.
    seed : int
    log : path
        Gets what the backend writes.

    Raises
    ------
    HeatError
        The backend died.
    """
    command = [sys.executable, "-m", "heat_backend", "serve"]
    backend = BackendProcess.start(command, {}, log)
    try:
        settled(backend.pid)  # the engine is loaded in the background
        state = _Storm(backend, messages, seed)
        proven = max(1, round(PROVEN_SHARE * clients))
        threads = [
            threading.Thread(target=state.client, args=(n, n < proven), daemon=True)
            for n in range(clients)
        ]
        for thread in threads:
            thread.start()
        before = None
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            if before is None and state.left < 0.9 * messages:
                before = process_state(backend.pid)
        if state.failed:
            raise HeatError(state.failed[0])
        after = settled(backend.pid)
        text = log.read_text("utf-8", "replace")
        return StormResult(
            messages - state.left, state.connections, state.kinds, before or after, after,
            text.count("Traceback"), len(text),
        )  # fmt: skip
    finally:
        backend.stop()


def settled(pid: int, patience: float = 60.0) -> ProcessState:
    """Wait until a process neither grows nor ends threads any more; return what it holds."""
    end = time.monotonic() + patience
    state = process_state(pid)
    while time.monotonic() < end:
        time.sleep(2.0)
        now = process_state(pid)
        same = (now.threads, now.files) == (state.threads, state.files)
        if same and abs(now.memory_mb - state.memory_mb) < 0.5:
            return now
        state = now
    return state


def main() -> None:
    """Run a storm and say what it did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = storm(args.messages, args.clients, args.seed, Path(folder) / "backend.log")
    print(f"{result.sent} messages by {result.connections} connections "
          f"in {time.monotonic() - began:.0f} s")  # fmt: skip
    print("  " + ", ".join(f"{kind} {count}" for kind, count in sorted(result.kinds.items())))
    print(f"  before {result.before}\n  after  {result.after}")
    print(f"  {result.tracebacks} tracebacks, log of {result.log_bytes / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
