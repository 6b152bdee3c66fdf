# SPDX-License-Identifier: GPL-3.0-or-later
import contextlib
import socket
import threading
import time

import pytest

from bridge import wire
from bridge.errors import BackendLost, BadInput, ProtocolError, VersionMismatch
from bridge.wire import PREFIX, TO_CLIENT, TO_SERVER, Channel, Kind, Limit


@pytest.fixture
def ends():
    """A raw socket and the channel that listens to it."""
    raw, other = socket.socketpair()
    channel = Channel(other)
    yield raw, channel
    raw.close()
    channel.close()


def prefix(kind=Kind.PING, header=0, payload=0, magic=b"HEAT", version=wire.VERSION):
    return PREFIX.pack(magic, version, kind, header, payload)


def test_a_message_arrives_as_it_was_sent():
    one, two = map(Channel, socket.socketpair())
    payload = bytes(range(256)) * 4000
    limits = {Kind.FILE_DATA: Limit(payload=len(payload))}
    sender = threading.Thread(
        target=one.send, args=(Kind.FILE_DATA, {"name": "ä", "n": 1.5}, payload)
    )
    sender.start()
    message = two.receive(limits)
    sender.join()
    assert message.kind == Kind.FILE_DATA
    assert message.header == {"name": "ä", "n": 1.5}
    assert message.payload == payload
    one.close()
    assert two.receive(limits) is None
    two.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0" * 64,
        prefix(magic=b"HEAP"),
        prefix(kind=999),
        prefix(kind=Kind.WELCOME),
        prefix(header=5) + b"[1,2]",
        prefix(header=5) + b"{nope",
        prefix(header=10) + b'{"a": NaN}',
        prefix(header=4) + b"\xff\xfe\x00\x01",
        prefix(header=4000) + b"[" * 4000,
    ],
)
def test_garbage_is_refused(ends, data):
    raw, channel = ends
    raw.sendall(data)
    with pytest.raises(ProtocolError):
        channel.receive(TO_SERVER)


@pytest.mark.parametrize("kind", [k for k in Kind if k in TO_SERVER])
def test_too_large_is_refused_before_any_room_is_made(ends, kind):
    raw, channel = ends
    raw.sendall(prefix(kind, header=0, payload=0xFFFFFFFF))

    def allocate(*_):
        pytest.fail("room was made for an oversized message")

    with pytest.raises(ProtocolError, match="larger than"):
        channel.receive(TO_SERVER, allocate)


def test_a_header_too_large_is_refused_unread(ends):
    raw, channel = ends
    raw.sendall(prefix(header=0xFFFFFFF0))
    with pytest.raises(ProtocolError, match="larger than"):
        channel.receive(TO_SERVER)


@pytest.mark.parametrize(
    "half",
    [
        b"H",
        prefix()[:9],
        prefix(header=10),
        prefix(header=2) + b"{",
        prefix(Kind.BLOB, 2, 9) + b"{}abc",
    ],
)
def test_half_a_message_and_then_the_end_is_reported(ends, half):
    raw, channel = ends
    raw.sendall(half)
    raw.close()
    with pytest.raises(ProtocolError, match="middle"):
        channel.receive(TO_SERVER)


def test_half_a_message_and_then_silence_ends(ends, monkeypatch):
    raw, channel = ends
    raw.sendall(prefix()[:7])
    with pytest.raises(ProtocolError, match="nothing more"):
        channel.receive(TO_SERVER, deadline=time.monotonic() + 0.2)


def test_another_version_is_reported_with_both_numbers(ends):
    raw, channel = ends
    raw.sendall(prefix(version=7))
    with pytest.raises(VersionMismatch, match=r"version 7 .* this end 1") as told:
        channel.receive(TO_SERVER)
    assert "newer" in str(told.value)


def test_an_error_survives_the_close_although_unread_bytes_wait():
    listener = socket.create_server(("127.0.0.1", 0))
    raw = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    channel = Channel(accepted)
    raw.sendall(b"x" * 100_000)  # never read as messages: the close must not reset the connection
    closing = threading.Thread(target=channel.close, args=(BadInput("this is why"),))
    closing.start()
    seen = Channel(raw)
    message = seen.receive(TO_CLIENT)
    assert message.kind == Kind.ERROR
    with pytest.raises(BadInput, match="this is why"):
        wire.raise_error(message.header)
    seen.close()
    closing.join()
    listener.close()


def test_sending_to_someone_gone_is_reported(ends):
    raw, channel = ends
    raw.close()
    with pytest.raises(BackendLost):
        for _ in range(10):
            channel.send(Kind.PING, {}, b"x" * 100_000)


def test_an_unfinished_send_does_not_hold_a_receiver_up(ends, monkeypatch):
    raw, channel = ends
    sender = threading.Thread(target=lambda: _send_quietly(channel))
    sender.start()
    raw.sendall(prefix(header=2) + b"{}")
    assert channel.receive(TO_SERVER).kind == Kind.PING
    channel.abort()
    sender.join(5)
    assert not sender.is_alive()


def _send_quietly(channel):
    with contextlib.suppress(BackendLost):
        channel.send(Kind.FRAME, {}, bytes(50_000_000))
