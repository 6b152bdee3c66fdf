# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import secrets
import socket
import threading

import numpy as np
import pytest

from bridge import handshake, wire
from bridge.client import Client, EngineOptions
from bridge.errors import (
    BackendLost,
    HeatError,
    MissingHere,
    ProtocolError,
    SecretRefused,
    UsageError,
)
from bridge.frames import NAME_START, ring_folder
from bridge.handshake import proof
from bridge.wire import CHUNK, MAX_BLOB, PREFIX, TO_CLIENT, Channel, Kind
from heat_backend.serve.server import Server
from heat_backend.serve.upload_store import safe_name
from tests.serve.conftest import SECRET, jaw, portrait, until


def raw_connection(server):
    return socket.create_connection(server.address, 10)


def still_serves(server):
    with Client(server.address, SECRET) as client:
        client.prepare(portrait())
        return client.render(jaw(0.1)).pixels.shape == (32, 48, 4)


def told(raw):
    """Read messages up to the ERROR that ends the connection; return its header."""
    channel = Channel(raw)
    while message := channel.receive(TO_CLIENT):
        if message.kind == Kind.ERROR and message.header.get("fatal", True):
            assert channel.receive(TO_CLIENT) is None, "the connection must end"
            channel.close()
            return message.header
    pytest.fail("the connection ended without a word")


def packed(kind, header=b"{}", payload=b"", version=wire.VERSION):
    return PREFIX.pack(b"HEAT", version, kind, len(header), len(payload)) + header + payload


BEFORE_A_PROOF = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": bytes(1000),
    "noise": secrets.token_bytes(5000),
    "unknown kind": packed(4711),
    "a portrait first": packed(Kind.PREPARE),
    "an upload first": packed(Kind.BLOB, b"{}", bytes(100)),
    "a huge proof": PREFIX.pack(b"HEAT", 1, Kind.PROOF, 1 << 31, 0),
    "a proof that is no JSON": packed(Kind.PROOF, b"{{{{"),
    "a proof without fields": packed(Kind.PROOF),
    "a proof of odd types": packed(Kind.PROOF, b'{"nonce": [1], "proof": {}}'),
}


@pytest.mark.parametrize("case", BEFORE_A_PROOF)
def test_nonsense_before_a_proof_ends_that_connection_only(server, case):
    raw = raw_connection(server)
    raw.sendall(BEFORE_A_PROOF[case])
    assert told(raw)["code"] == "protocol"
    assert still_serves(server)


def test_a_wrong_secret_is_refused(server):
    with pytest.raises(SecretRefused, match="secret"):
        Client(server.address, "not the secret at all").connect()
    assert still_serves(server)


def test_a_proof_recorded_from_another_session_is_refused(server):
    nonce = bytes(32)
    raw = raw_connection(server)
    old = proof(SECRET, "client", nonce, b"\1" * 32)
    raw.sendall(packed(Kind.PROOF, json.dumps({"nonce": nonce.hex(), "proof": old}).encode()))
    assert told(raw)["code"] == "refused"


def test_a_newer_client_learns_which_end_to_update(server):
    raw = raw_connection(server)
    raw.sendall(packed(Kind.PROOF, version=2))
    header = told(raw)
    assert header["code"] == "version"
    assert "version 2" in header["text"]
    assert still_serves(server)


def test_half_handshakes_hold_nobody_up(server):
    waiting = [raw_connection(server) for _ in range(60)]
    for raw in waiting[:20]:
        raw.sendall(b"HEA")
    assert still_serves(server)
    # With more than the server bears, the oldest had to go.
    waiting[0].settimeout(10)
    while waiting[0].recv(4096):
        pass
    for raw in waiting:
        raw.close()


def test_a_half_handshake_is_dropped_in_time(server, monkeypatch):
    monkeypatch.setattr(handshake, "SERVER_PATIENCE", 0.2)
    raw = raw_connection(server)
    raw.sendall(b"HEAT")
    assert told(raw)["code"] == "protocol"


class Spy(Client):
    """A client whose socket can be abused."""

    def throw(self, data):
        self._open_channel()._socket.sendall(data)

    def vanish(self):
        """Reset the connection without a goodbye."""
        sock = self._open_channel()._socket
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        self._channel = None


@pytest.fixture
def spy(server):
    client = Spy(server.address, SECRET, shared_memory=False)
    client.connect()
    client.prepare(portrait())
    yield client
    client.close()


AFTER_A_PROOF = {
    "noise": b"x" * 100,
    "unknown kind": packed(4711),
    "a kind for the other way": packed(Kind.WELCOME),
    "another version": packed(Kind.PING, version=9),
    "no JSON": packed(Kind.PING, b"}"),
    "deep JSON": packed(Kind.PING, b"[" * 4000),
    "a huge header": PREFIX.pack(b"HEAT", 1, Kind.PING, 1 << 30, 0),
    "a huge upload": PREFIX.pack(b"HEAT", 1, Kind.BLOB, 2, CHUNK + 1),
    "an upload of a terabyte": packed(
        Kind.BLOB, json.dumps({"blob": 1, "size": 1 << 40, "offset": 0}).encode()
    ),
    "an upload out of order": packed(Kind.BLOB, b'{"blob":90,"size":9,"offset":4}', b"abc"),
    "an upload beyond its size": packed(Kind.BLOB, b'{"blob":90,"size":2,"offset":0}', b"abc"),
    "a pose of the wrong length": packed(Kind.RENDER, b'{"sequence":1}', bytes(57 * 4)),
    "neighbours that are not 27": packed(
        Kind.RENDER, b'{"sequence":1,"neighbours":true}', bytes(27 * 58 * 4)
    ),
    "neighbours not told of": packed(Kind.RENDER, b'{"sequence":1}', bytes(28 * 58 * 4)),
    "a pose without a number": packed(Kind.RENDER, b"{}", bytes(58 * 4)),
    "edits that are no names": packed(Kind.RENDER, b'{"sequence":1,"edits":[3]}', bytes(59 * 4)),
    "a slot never lent": packed(Kind.RENDER, b'{"sequence":1,"released":[99]}', bytes(58 * 4)),
    "a portrait never sent": packed(
        Kind.PREPARE, b'{"portrait":{"kind":"file","name":"x","blob":5},"options":{}}'
    ),
    "no portrait at all": packed(Kind.PREPARE),
    "a portrait of a strange kind": packed(
        Kind.PREPARE, b'{"portrait":{"kind":"url","name":"x","blob":5},"options":{}}'
    ),
    "an export without fields": packed(Kind.EXPORT),
    "a query without a job": packed(Kind.JOB_QUERY, b'{"job":[]}'),
    "a probe elsewhere": packed(
        Kind.PROBE, b'{"folder":"/etc","name":"passwd","token":"0123456789abcdef"}'
    ),
    "a probe up the tree": packed(
        Kind.PROBE, b'{"folder":"/","name":".heat-probe-/../x","token":"0123456789abcdef"}'
    ),
    "a probe without a token": packed(
        Kind.PROBE, b'{"folder":"/tmp","name":".heat-probe-x","token":""}'
    ),
}


@pytest.mark.parametrize("case", AFTER_A_PROOF)
def test_nonsense_after_a_proof_ends_that_session_with_an_error(server, spy, case):
    spy.throw(AFTER_A_PROOF[case])
    with pytest.raises(ProtocolError):
        spy.next_message(10)
    assert not spy.connected
    assert still_serves(server)


def test_too_many_uploads_end_the_session(spy):
    with pytest.raises(ProtocolError, match="uploads"):
        for _ in range(9):
            spy.upload(memoryview(b"abc"))
        spy.next_message(10)


def test_uploads_together_are_bounded_without_taking_room(server, spy):
    for number in (1001, 1002, 1003):
        header = {"blob": number, "size": MAX_BLOB, "offset": 0}
        spy.throw(packed(Kind.BLOB, json.dumps(header).encode()))
    with pytest.raises(ProtocolError, match="too large"):
        spy.next_message(10)


def test_unknown_jobs_and_files_are_reported_without_ending_the_session(spy):
    for kind, header in [
        (Kind.JOB_QUERY, {"job": "nonesuch"}),
        (Kind.JOB_CANCEL, {"job": "nonesuch"}),
        (Kind.FILE_LIST, {"job": "../../etc", "start": 0}),
        (Kind.FILE_GET, {"job": "x", "name": "../../etc/passwd", "offset": 0, "size": 10}),
    ]:
        spy.tell(kind, header)
        with pytest.raises(HeatError, match="does not know this export"):
            spy.next_message(10)
    assert spy.render(jaw(0.2)).pixels.any()


def export_header(client, **target):
    header = client.upload_portrait(portrait(), None, EngineOptions())
    header["clip"] = client.upload(memoryview(b"no clip"))
    return {
        **header,
        "fps": [24, 1],
        "resume": False,
        "overwrite": False,
        "target": {"folder": None, "name": "x", **target},
    }


def test_a_client_cannot_write_where_it_has_not_proven_to_share_the_folder(spy, tmp_path):
    spy.tell(Kind.EXPORT, export_header(spy, folder=str(tmp_path)))
    with pytest.raises(UsageError, match="not found to be shared"):
        spy.next_message(10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ""])
def test_a_name_cannot_lead_out_of_the_shared_folder(spy, tmp_path, name):
    (tmp_path / ".heat-probe-1").write_text("0123456789abcdef")
    probe = {"folder": str(tmp_path), "name": ".heat-probe-1", "token": "0123456789abcdef"}
    assert spy.request(Kind.PROBE, probe, Kind.PROBED).header == {"same": True}
    spy.tell(Kind.EXPORT, export_header(spy, folder=str(tmp_path), name=name))
    with pytest.raises(UsageError, match="not a file name"):
        spy.next_message(10)


@pytest.mark.parametrize(
    "name", ["../../x.png", "/etc/passwd", "a\0b", "C:\\x", "...", "", "x" * 999, "肖" * 500]
)
def test_the_name_of_an_upload_is_made_a_plain_one(name):
    plain = safe_name(name)
    assert plain
    assert not set(plain) & set("/\\\0:")
    assert plain not in (".", "..")
    assert len(plain.encode()) <= 150


def test_a_client_that_vanishes_mid_frame_harms_nobody(server):
    big = Spy(server.address, SECRET, shared_memory=False)
    big.connect()
    big.prepare(portrait(width=2000, height=1500))
    for i in range(3):
        big.post(jaw(0.1 * i))  # 12 MB a frame: more than the socket holds
    big._open_channel()._socket.recv(5000)
    big.vanish()
    half = Spy(server.address, SECRET)
    half.connect()
    half.throw(packed(Kind.RENDER, b'{"sequence":1}', bytes(58 * 4))[:40])
    half.vanish()
    assert still_serves(server)
    until(lambda: server.client_count == 0)


def test_a_client_that_reads_nothing_holds_nobody_up(server):
    lazy = Spy(server.address, SECRET, shared_memory=False)
    lazy.connect()
    lazy.prepare(portrait(width=2000, height=1500))
    for i in range(5):
        lazy.post(jaw(0.1 * i))
    for _ in range(3):
        assert still_serves(server)
    lazy.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no files to leak here")
def test_shared_memory_has_no_name_once_the_client_has_it(server, connect):
    client = connect()
    client.prepare(portrait())
    assert client.render(jaw(0.1)).shared
    assert not list(ring_folder().glob(f"{NAME_START}{os.getpid()}-*"))


def test_a_client_on_another_machine_gets_its_frames_by_tcp(connect, monkeypatch):
    def absent(name):
        raise MissingHere("the shared memory is not on this machine")

    monkeypatch.setattr("bridge.client.SharedRing.attach", absent)
    client = connect()
    client.prepare(portrait())
    assert not client.render(jaw(0.1)).shared


def test_a_server_that_stops_ends_its_clients(connect, server):
    client = connect(timeout=0.5)
    client.prepare(portrait())
    server.stop()
    with pytest.raises(BackendLost):
        client.render(jaw(0.1))


def test_more_clients_than_allowed_are_turned_away_politely(server, monkeypatch):
    monkeypatch.setattr("heat_backend.serve.server.MOST_SESSIONS", 2)
    one, two = (Client(server.address, SECRET).connect() for _ in range(2))
    until(lambda: server.client_count == 2)
    three = Client(server.address, SECRET).connect()
    with pytest.raises(HeatError, match="clients already"):
        three.next_message(10)
    one.close()
    two.close()
    until(lambda: server.client_count == 0)
    assert still_serves(server)


def test_frames_survive_the_end_of_their_connection(server):
    client = Client(server.address, SECRET).connect()
    client.prepare(portrait())
    frame = client.render(jaw(0.3))
    copy = frame.pixels.copy()
    client.close()
    until(lambda: server.client_count == 0)
    np.testing.assert_array_equal(frame.pixels, copy)


def test_an_open_address_must_be_asked_for_by_name():
    server = Server(SECRET)
    assert server.address[0] == "127.0.0.1"
    server.start()
    server.stop()


def test_many_threads_may_come_and_go(server):
    failures = []

    def visit():
        try:
            assert still_serves(server)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
