# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client, a link, or a folder named by mistake must not reach or delete."""

import glob
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bridge.client import Client, EngineOptions
from bridge.errors import BadInput, MissingHere, UsageError
from bridge.frames import NAME_START, ring_folder, sweep_stale_rings
from bridge.jobs import ExportJob, Shot
from bridge.wire import PREFIX, TO_CLIENT, VERSION, Channel, Kind
from heat_backend.serve import export_queue
from heat_backend.serve.server import Server
from tests.serve.conftest import SECRET, portrait, until

PATIENCE = 60
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="links need an administrator there")


@pytest.fixture
def start(server, clip_file, tmp_path):
    """Start an export of the server's."""

    def begin(name="take", frames=3):
        shot = Shot(
            portrait=portrait(),
            engine=None,
            options=EngineOptions(),
            motion_path=clip_file(frames),
            out_path=tmp_path / "out" / name,
        )
        return ExportJob.start(lambda: Client(server.address, SECRET), shot)

    return begin


def ring_files():
    return {path.name for path in ring_folder().glob(f"{NAME_START}{os.getpid()}-*")}


@posix_only
def test_a_movies_name_that_is_a_link_is_refused(start, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "take.mp4").symlink_to(tmp_path / "outside.mp4")
    status = start("take.mp4").wait(PATIENCE)
    assert status.state == "failed"
    assert "is a link" in status.message
    assert not (tmp_path / "outside.mp4").exists()


def test_a_jobs_folder_of_ones_own_loses_nothing(tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    old = mine / "0123456789abcdef0123456789abcdef"
    (mine / "photos").mkdir(parents=True)
    old.mkdir()
    (mine / "photos" / "a.jpg").write_text("precious")
    (old / "b.jpg").write_text("precious")
    (mine / "c.txt").write_text("precious")
    for path in [*mine.rglob("*"), mine]:
        os.utime(path, (1.0, 1.0))
    monkeypatch.setenv("HEAT_JOBS_DIR", str(mine))
    server = Server(SECRET)
    server.start()
    server.stop()
    assert (mine / "photos" / "a.jpg").exists()
    assert (old / "b.jpg").exists()
    assert (mine / "c.txt").exists()


@posix_only
@pytest.mark.parametrize("number", ["9" * 30, "²", "0", "x"])
def test_names_of_others_do_not_stop_the_start(number):
    folder = ring_folder()
    ring = folder / f"{NAME_START}{number}-test-{os.getpid()}"
    upload = Path(tempfile.gettempdir()) / f"heat-uploads-{number}-test-{os.getpid()}"
    ring.symlink_to("/nowhere")
    upload.symlink_to("/nowhere")
    try:
        sweep_stale_rings()
        server = Server(SECRET)
        server.start()
        server.stop()
    finally:
        ring.unlink()
        upload.unlink()


class Deaf(Client):
    """A client that never says whether it found the shared memory."""

    def _attach(self, header):
        assert header["ring"] is not None


@posix_only
def test_rings_that_nobody_took_are_given_back(server):
    before = ring_files()
    with Deaf(server.address, SECRET) as client:
        for _ in range(5):
            client.prepare(portrait())
        until(lambda: len(ring_files() - before) <= 1)
    until(lambda: ring_files() == before)


@posix_only
def test_no_ring_outlives_a_backend(backends):
    backend = backends()
    with Deaf(backend.address, backend.secret) as client:
        client.prepare(portrait())
        os.kill(backend.pid, signal.SIGTERM)
        until(lambda: not backend.alive())
    assert not list(ring_folder().glob(f"{NAME_START}{backend.pid}-*"))
    assert not list(Path(tempfile.gettempdir()).glob(f"heat-uploads-*{backend.pid}*"))


def order(client, clip_file, frames=3, name="take"):
    """Order an export whose files are to be fetched; return its number once it is rendered."""
    header = client.upload_portrait(portrait(), None, EngineOptions())
    header |= {
        "clip": client.upload(memoryview(Path(clip_file(frames)).read_bytes())),
        "fps": [24, 1],
        "target": {"name": name},
    }
    job = client.request(Kind.EXPORT, header, Kind.JOB_STATUS).header["job"]
    client.tell(Kind.JOB_QUERY, {"job": job})
    while True:
        message = client.next_message(PATIENCE)
        assert message is not None
        of_this = message.kind == Kind.JOB_STATUS and message.header["job"] == job
        if of_this and message.header["state"] in ("rendered", "failed"):
            return job


def fetch(client, job, name="frame_000001.png"):
    header = {"job": job, "name": name, "offset": 0, "size": 1 << 16}
    return bytes(client.request(Kind.FILE_GET, header, Kind.FILE_DATA).payload)


@posix_only
def test_only_the_finished_file_itself_is_sent(server, connect, clip_file, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("nobody's business")
    client = connect()
    job = order(client, clip_file)
    assert fetch(client, job).startswith(b"\x89PNG")
    (frame,) = (tmp_path / "jobs").glob("*/take/frame_000001.png")
    frame.unlink()
    frame.symlink_to(secret)
    with pytest.raises(BadInput, match="cannot be read"):
        fetch(client, job)
    with pytest.raises(BadInput, match="is gone"):
        client.request(Kind.FILE_LIST, {"job": job, "start": 0}, Kind.FILES)
    folder = frame.parent
    folder.rename(tmp_path / "moved")
    (tmp_path / "moved" / frame.name).unlink()
    (tmp_path / "moved" / frame.name).write_text("nobody's business")
    folder.symlink_to(tmp_path / "moved")
    with pytest.raises(BadInput, match="cannot be read"):
        fetch(client, job)


def test_forgetting_one_of_two_same_exports_keeps_the_others_files(connect, clip_file, tmp_path):
    client = connect()
    first, second = order(client, clip_file), order(client, clip_file)
    client.tell(Kind.JOB_FORGET, {"job": first})
    assert fetch(client, second).startswith(b"\x89PNG")
    client.tell(Kind.JOB_FORGET, {"job": second})
    until(lambda: not list((tmp_path / "jobs").iterdir()))


def test_a_proof_that_is_no_text_is_refused_like_any(server, caplog):
    for proof in ('"\\ud800"', "5", "null", '["a"]'):
        text = f'{{"nonce":"{bytes(32).hex()}","proof":{proof}}}'.encode()
        with socket.create_connection(server.address, 10) as raw:
            raw.sendall(PREFIX.pack(b"HEAT", VERSION, Kind.PROOF, len(text), 0) + text)
            channel = Channel(raw)
            began = time.monotonic()
            while (message := channel.receive(TO_CLIENT)).kind != Kind.ERROR:
                began = time.monotonic()
            assert message.header["code"] == "refused"
            assert time.monotonic() - began > 0.2, "guessing must be slow"
    assert not [one for one in caplog.records if one.exc_info]


def test_log_lines_of_strangers_are_printable(server, caplog):
    text = b'{"code":"lost","text":"\\u001b[31mred\\u0007\\u202e"}'
    with caplog.at_level("INFO", "heat.serve"), socket.create_connection(server.address, 10) as raw:
        raw.sendall(PREFIX.pack(b"HEAT", VERSION, Kind.ERROR, len(text), 0) + text)
        until(lambda: any("turned away" in m or "was lost" in m for m in caplog.messages))
    assert all(message.isprintable() for message in caplog.messages)


def test_a_client_has_so_many_exports_waiting_and_no_more(connect, clip_file, monkeypatch):
    monkeypatch.setattr(export_queue, "MOST_OF_A_CLIENT", 0)
    with pytest.raises(MissingHere, match="try again"):
        order(connect(), clip_file)


def test_unfinished_exports_take_so_much_room_and_no_more(connect, clip_file, monkeypatch):
    monkeypatch.setattr(export_queue, "UPLOADED_BYTES", 100)
    client = connect()
    with pytest.raises(MissingHere, match="room"):
        order(client, clip_file)
    monkeypatch.setattr(export_queue, "UPLOADED_BYTES", 1 << 30)
    assert fetch(client, order(client, clip_file)).startswith(b"\x89PNG")


def test_clients_take_turns(server, gate, connect, clip_file):
    """Whoever ordered ten exports first does not keep another's one waiting for all of them."""
    greedy, modest = connect(), connect()
    states = {}

    def give(client, label):
        header = client.upload_portrait(portrait(), "gated", EngineOptions())
        header |= {"clip": client.upload(memoryview(Path(clip_file(1)).read_bytes())),
                   "fps": [24, 1], "target": {"name": label}}  # fmt: skip
        client.tell(Kind.EXPORT, header)
        while label not in states:
            message = client.next_message(PATIENCE)
            assert message is not None
            job = message.header["job"]
            if job not in states.values():  # else it is the progress of an earlier one
                states[label] = job

    for number in range(4):
        give(greedy, f"greedy{number}")
    give(modest, "modest")

    def rendered():
        return [label for label, job in states.items()
                if server.exports.find(job).state == "rendered"]  # fmt: skip

    finished = []
    for number in range(1, 6):
        gate.let()  # a frame, and each export has one
        until(lambda number=number: len(rendered()) == number)
        finished += [label for label in rendered() if label not in finished]
    assert finished.index("modest") <= 2


def test_a_frame_too_large_for_the_memory_is_refused_before_any_work(server, connect):
    client = connect()
    for size in (32768, 16384, 8193, 3):
        with pytest.raises(UsageError, match="choose a size"):
            client.prepare(portrait(), options=EngineOptions(size=size))
    assert client.prepare(portrait(), options=EngineOptions(size=24)).width == 24


def test_refused_orders_leave_no_upload_behind(server, connect, clip_file):
    client = connect()
    before = uploads()
    for _ in range(3):
        header = client.upload_portrait(portrait(), None, EngineOptions())
        header |= {"clip": client.upload(memoryview(Path(clip_file(1)).read_bytes())),
                   "fps": [24, 1], "target": {"folder": "/not/proven", "name": "x"}}  # fmt: skip
        with pytest.raises(UsageError, match="shared"):
            client.request(Kind.EXPORT, header, Kind.JOB_STATUS)
    client.close()
    until(lambda: uploads() <= before)


def uploads():
    found = glob.glob(str(Path(tempfile.gettempdir()) / "heat-uploads-*" / "*" / "*" / "*"))  # noqa: PTH207  (it bears folders that go meanwhile)
    return {one for one in found if Path(one).is_file()}
