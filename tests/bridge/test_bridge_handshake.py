# SPDX-License-Identifier: GPL-3.0-or-later
import socket
import threading

import pytest

from bridge import handshake, wire
from bridge.errors import HeatError, ProtocolError, SecretRefused, UsageError, VersionMismatch
from bridge.handshake import check_secret, join_handshake, new_secret, proof, serve_handshake
from bridge.wire import PREFIX, TO_CLIENT, Channel, Kind, Limit

SECRET = "correct horse battery"


class Watched(Channel):
    """Keeps all that goes out."""

    def __init__(self, sock):
        super().__init__(sock)
        self.sent = b""

    def _send_parts(self, head, body):
        self.sent += head + bytes(body)
        super()._send_parts(head, body)


def meet(server_secret, client_secret):
    """Let two ends shake hands; return what each got (a value or an error), and what was said."""
    server, client = map(Watched, socket.socketpair())
    outcome = {}

    def serve():
        try:
            outcome["server"] = serve_handshake(server, server_secret, {"version": "9"})
        except HeatError as error:
            outcome["server"] = error
            server.close(say=error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        outcome["client"] = join_handshake(client, client_secret, 5.0)
    except HeatError as error:
        outcome["client"] = error
    client.close()
    thread.join()
    return outcome, server.sent + client.sent


def test_both_ends_with_the_secret_meet_and_it_never_travels():
    outcome, said = meet(SECRET, SECRET)
    assert outcome["client"]["version"] == "9"
    assert outcome["server"] is None
    assert SECRET.encode() not in said


def test_a_wrong_secret_is_reported_to_both_and_never_travels():
    outcome, said = meet(SECRET, "another secret altogether")
    assert isinstance(outcome["server"], SecretRefused)
    assert isinstance(outcome["client"], SecretRefused)
    assert SECRET.encode() not in said
    assert b"another secret" not in said


def test_a_server_that_only_mirrors_the_clients_proof_is_refused():
    server, client = map(Channel, socket.socketpair())

    def rogue():
        server.send(Kind.CHALLENGE, {"protocol": 1, "nonce": "ab" * 32})
        message = server.receive({Kind.PROOF: Limit(1024)})
        server.send(Kind.WELCOME, {"proof": message.header["proof"]})

    thread = threading.Thread(target=rogue)
    thread.start()
    with pytest.raises(SecretRefused, match="does not know the secret"):
        join_handshake(client, SECRET, 5.0)
    thread.join()
    server.close()
    client.close()


def test_a_proof_cannot_be_used_twice():
    a, b = b"a" * 32, b"b" * 32
    assert proof(SECRET, "client", a, b) != proof(SECRET, "server", a, b)
    assert proof(SECRET, "client", a, b) != proof(SECRET, "client", b, a)
    assert proof(SECRET, "client", a, b) == proof(SECRET, "client", a, b)


def test_a_newer_client_is_reported_at_both_ends():
    server, raw = socket.socketpair()
    channel, outcome = Channel(server), {}

    def serve():
        try:
            serve_handshake(channel, SECRET, {})
        except HeatError as error:
            outcome["server"] = error
            channel.close(say=error)

    thread = threading.Thread(target=serve)
    thread.start()
    raw.sendall(PREFIX.pack(b"HEAT", wire.VERSION + 1, Kind.PROOF, 2, 0) + b"{}")
    client = Channel(raw)
    assert client.receive(TO_CLIENT).kind == Kind.CHALLENGE
    told = client.receive(TO_CLIENT)
    client.close()
    thread.join()
    assert told.header["code"] == "version"
    assert "version 2" in told.header["text"]
    assert isinstance(outcome["server"], VersionMismatch)


def test_a_newer_server_is_reported_at_both_ends():
    raw, other = socket.socketpair()
    client = Channel(other)
    body = b'{"protocol":2,"nonce":"' + b"ab" * 32 + b'"}'
    raw.sendall(PREFIX.pack(b"HEAT", wire.VERSION + 1, Kind.CHALLENGE, len(body), 0) + body)
    server = Channel(raw)
    with pytest.raises(VersionMismatch, match=r"version 2 .* this end 1"):
        join_handshake(client, SECRET, 5.0)
    told = server.receive({Kind.ERROR: Limit()}, any_version=True)
    assert told.header["code"] == "version"
    server.close()


@pytest.mark.parametrize("nonce", ["", "zz" * 32, "ab" * 31, None, 7])
def test_a_malformed_nonce_is_refused(nonce):
    server, client = map(Channel, socket.socketpair())
    thread = threading.Thread(
        target=lambda: server.send(Kind.CHALLENGE, {"protocol": 1, "nonce": nonce})
    )
    thread.start()
    with pytest.raises(ProtocolError, match="nonce"):
        join_handshake(client, SECRET, 5.0)
    thread.join()
    server.close()
    client.close()


def test_short_secrets_are_refused_and_new_ones_are_long():
    with pytest.raises(UsageError, match="too short"):
        check_secret("hunter2")
    assert check_secret(f" {SECRET}\n") == SECRET
    assert len(new_secret()) >= 64
    assert new_secret() != new_secret()


def test_a_client_that_never_proves_itself_is_dropped(monkeypatch):
    monkeypatch.setattr(handshake, "SERVER_PATIENCE", 0.2)
    server, raw = socket.socketpair()
    channel = Channel(server)
    with pytest.raises(ProtocolError):
        serve_handshake(channel, SECRET, {})
    channel.close()
    raw.close()
