# SPDX-License-Identifier: GPL-3.0-or-later
"""A client written from PROTOCOL.md alone, with nothing of ``bridge`` in it, must do."""

import hashlib
import hmac
import json
import mmap
import os
import re
import socket
import struct
import sys
from pathlib import Path

import pytest

from bridge.wire import BEFORE_PROOF, TO_CLIENT, TO_SERVER, Kind
from tests.serve.conftest import SECRET, picture

PAGE = Path(__file__).resolve().parents[2] / "bridge" / "PROTOCOL.md"


class PlainClient:
    """Speaks version 1 over a bare socket."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, 10)

    def send(self, kind, header, payload=b""):
        text = json.dumps(header).encode()
        self.sock.sendall(
            struct.pack("<4sHHII", b"HEAT", 1, kind, len(text), len(payload)) + text + payload
        )

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            assert piece, "the server hung up"
            data += piece
        return data

    def receive(self, wanted):
        magic, version, kind, header, payload = struct.unpack("<4sHHII", self.read(16))
        assert (magic, version, kind) == (b"HEAT", 1, wanted)
        return json.loads(self.read(header) or b"{}"), self.read(payload)

    def prove(self):
        challenge, _ = self.receive(2)
        theirs, own = bytes.fromhex(challenge["nonce"]), os.urandom(32)
        self.send(3, {"nonce": own.hex(), "proof": self.hmac(b"client", own, theirs)})
        welcome, _ = self.receive(4)
        assert hmac.compare_digest(welcome["proof"], self.hmac(b"server", theirs, own))
        return welcome

    @staticmethod
    def hmac(role, one, two, secret=SECRET):
        said = b"heat-bridge/" + role + b"\x00" + b"\x01\x00" + one + two
        return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()

    def prepare(self, pixels, shared_memory):
        height, width = pixels.shape[:2]
        data = pixels.tobytes()
        self.send(16, {"blob": 1, "size": len(data), "offset": 0}, data)
        described = {"kind": "pixels", "name": "me", "width": width, "height": height, "blob": 1}
        self.send(17, {"portrait": described, "options": {}, "shared_memory": shared_memory})
        while True:
            _, _, kind, header, _ = struct.unpack("<4sHHII", self.read(16))
            told = json.loads(self.read(header))
            if kind == 19:
                return told
            assert kind == 18


@pytest.fixture
def plain(server):
    client = PlainClient(server.address)
    yield client
    client.sock.close()


def test_handshake_portrait_pose_and_frame(plain):
    assert plain.prove()["engine"] == "stand_in"
    pixels = picture()
    told = plain.prepare(pixels, shared_memory=False)
    assert (told["width"], told["height"], told["ring"]) == (48, 32, None)
    plain.send(26, {"sequence": 7}, bytes(58 * 4))
    header, payload = plain.receive(27)
    assert header["sequence"] == 7
    assert payload == pixels.tobytes()


@pytest.mark.skipif(sys.platform == "win32", reason="maps the ring the POSIX way")
def test_the_ring_is_laid_out_as_written(plain):
    plain.prove()
    pixels = picture()
    ring = plain.prepare(pixels, shared_memory=True)["ring"]
    stride = -(-ring["slot_bytes"] // 4096) * 4096
    with Path(ring["name"]).open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 4096 + ring["slots"] * stride)
    Path(ring["name"]).unlink()
    head = struct.pack("<8sII", b"HEATRING", ring["slots"], ring["slot_bytes"])
    assert memory[:32] == head + bytes.fromhex(ring["token"])
    plain.send(24, {"attached": True})
    released = []
    for sequence in range(1, 10):
        plain.send(26, {"sequence": sequence, "released": released}, bytes(58 * 4))
        header, payload = plain.receive(27)
        slot = header["slot"]
        released = [slot]
        assert payload == b""
        start = 4096 + slot * stride
        assert memory[start : start + ring["slot_bytes"]] == pixels.tobytes()


def test_ping(plain):
    plain.prove()
    plain.send(5, {"number": 3})
    assert plain.receive(6)[0] == {"number": 3}


def test_the_pages_example_proofs_are_right():
    page = PAGE.read_text(encoding="utf-8")
    one, two = b"\x11" * 32, b"\x22" * 32
    for role, own, other in ((b"client", two, one), (b"server", one, two)):
        assert PlainClient.hmac(role, own, other, "correct horse battery") in page


def test_every_kind_stands_on_the_page_with_its_number_and_limits():
    page = PAGE.read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", page, re.MULTILINE))
    assert {int(n): name for n, name in listed.items()} == {k.value: k.name for k in Kind}
    for kind in Kind:
        row = (
            re.search(rf"^\| {kind.value} \| {kind.name} .*$", page, re.MULTILINE)
            .group()
            .replace(",", "")
        )
        for limits in (TO_SERVER, TO_CLIENT, BEFORE_PROOF):
            limit = limits.get(kind)
            if limit is None or kind == Kind.ERROR:
                continue
            assert limit.header == 4096 or f"H {limit.header}" in row, row
            assert limit.payload == 0 or f"P {limit.payload}" in row, row
