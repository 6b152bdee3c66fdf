# SPDX-License-Identifier: GPL-3.0-or-later
import os
import signal
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge.client import Client, EngineOptions
from bridge.coefficients import Coefficients
from bridge.jobs import ExportJob, Shot
from bridge.preview import LivePreview
from tests.serve.conftest import SECRET, picture, portrait, until

pytestmark = pytest.mark.slow

PATIENCE = 30


class Connections:
    """Makes an export's clients; the backend that they find may change, and they can be cut."""

    def __init__(self, address, secret=SECRET):
        self.address, self.secret = address, secret
        self.made = []

    def __call__(self):
        if self.address is None:
            raise RuntimeError("this Blender was killed")
        self.made.append(Client(self.address, self.secret))
        return self.made[-1]

    def cut(self):
        for client in self.made:
            if client.connected:
                with socket.socket(fileno=os.dup(client.fileno())) as same:
                    same.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def start(server, clip_file, tmp_path):
    """Start an export of the server's; any field of the shot may be given."""

    def begin(frames=6, address=None, connections=None, **changes):
        fields = {
            "portrait": portrait(),
            "engine": None,
            "options": EngineOptions(),
            "motion_path": clip_file(frames),
            "out_path": tmp_path / "out" / "take 1",
        }
        shot = Shot(**{**fields, **changes})
        return ExportJob.start(connections or Connections(address or server.address), shot)

    return begin


@pytest.fixture
def far_away(monkeypatch):
    """Let the server see no file of the client's, as on another machine."""
    monkeypatch.setattr("heat_backend.serve.export_handler._small_file", lambda path: b"")


def shown(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def check_sequence(folder, numbers):
    names = sorted(p.name for p in folder.iterdir() if p.name.startswith("frame_"))
    assert names == [f"frame_{n:06d}.png" for n in numbers]
    for number in numbers:
        brighter = np.clip(picture()[..., :3] + np.float32(100 * 0.01 * (number - 1)), 0, 255)
        np.testing.assert_array_equal(
            shown(folder / f"frame_{number:06d}.png"), brighter.astype(np.uint8)
        )


def test_a_sequence_is_rendered_with_progress(start, tmp_path):
    job = start(12)
    assert job.poll().state in ("starting", "queued", "preparing", "rendering")
    status = job.wait(PATIENCE)
    assert (status.state, status.message) == ("done", "finished")
    assert (status.frames_done, status.frames_total, status.fraction) == (12, 12, 1.0)
    assert (status.rendered, status.skipped) == (12, 0)
    folder = tmp_path / "out" / "take 1"
    assert list(status.files) == [folder / f"frame_{n:06d}.png" for n in range(1, 13)]
    check_sequence(folder, range(1, 13))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["take 1"]


def test_only_the_frames_asked_for_are_rendered(start, tmp_path):
    status = start(12, first=3, last=5).wait(PATIENCE)
    assert status.state == "done"
    check_sequence(tmp_path / "out" / "take 1", [3, 4, 5])


def test_a_movie_is_rendered(start, tmp_path):
    status = start(10, out_path=tmp_path / "späte aufnahme.mp4", fps=24000 / 1001).wait(PATIENCE)
    assert status.state == "done", status.message
    assert status.files == (tmp_path / "späte aufnahme.mp4",)
    import av

    with av.open(str(status.files[0])) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 10
        assert float(movie.streams.video[0].average_rate) == pytest.approx(24000 / 1001)


def test_files_are_fetched_from_a_backend_that_does_not_share_the_disk(start, far_away, tmp_path):
    folder = tmp_path / "out" / "take 1"
    status = start(7).wait(PATIENCE)
    assert status.state == "done", status.message
    assert list(status.files) == [folder / f"frame_{n:06d}.png" for n in range(1, 8)]
    check_sequence(folder, range(1, 8))
    until(lambda: not any((tmp_path / "jobs").iterdir()))  # nothing is left over there
    movie = start(7, out_path=tmp_path / "take.mp4").wait(PATIENCE)
    assert movie.state == "done", movie.message
    assert movie.files == (tmp_path / "take.mp4",)
    assert movie.files[0].stat().st_size > 1000


def test_fetching_replaces_no_file_of_others(start, far_away, tmp_path):
    folder = tmp_path / "out" / "take 1"
    folder.mkdir(parents=True)
    (folder / "frame_000001.png").write_text("mine")
    (folder / "notes.txt").write_text("mine too")
    status = start(3).wait(PATIENCE)
    assert status.state == "failed"
    assert "earlier export" in status.message
    status = start(3, resume=True).wait(PATIENCE)
    assert status.state == "failed"
    assert "another file" in status.message
    assert (folder / "frame_000001.png").read_text() == "mine"
    status = start(3, overwrite=True).wait(PATIENCE)
    assert status.state == "done"
    check_sequence(folder, [1, 2, 3])
    assert (folder / "notes.txt").read_text() == "mine too"


def test_files_of_others_stay_where_the_disk_is_shared(start, tmp_path):
    folder = tmp_path / "out" / "take 1"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    assert start(3).wait(PATIENCE).state == "done"
    assert (folder / "notes.txt").read_text() == "mine"
    check_sequence(folder, [1, 2, 3])


def test_cancel_keeps_what_is_finished_and_resume_goes_on(start, tmp_path, gate_log):
    job = start(40)
    until(lambda: job.poll().frames_done >= 5)
    job.cancel()
    status = job.wait(PATIENCE)
    assert status.state == "cancelled"
    folder = tmp_path / "out" / "take 1"
    kept = sorted(folder.glob("frame_*.png"))
    assert 5 <= len(kept) < 40
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    status = start(40, resume=True).wait(PATIENCE)
    assert status.state == "done"
    assert status.skipped == len(kept)
    assert status.rendered == 40 - len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == stamps
    check_sequence(folder, range(1, 41))


@pytest.fixture
def gate_log(monkeypatch):
    """Slow the stand-in down, so that there is a middle to interrupt."""
    monkeypatch.setenv("HEAT_STAND_IN_SECONDS", "0.02")


@pytest.mark.parametrize("out", ["sequence", "movie.mp4"])
def test_a_backend_killed_mid_export_loses_nothing_and_repeats_no_frame(
    start, backends, tmp_path, out
):
    log = tmp_path / "renders.txt"
    slow = {"HEAT_STAND_IN_SECONDS": "0.02", "HEAT_STAND_IN_LOG": str(log)}
    backend = backends(**slow)
    connections = Connections(backend.address, backend.secret)
    job = start(40, connections=connections, out_path=tmp_path / out)
    until(lambda: job.poll().frames_done >= 10)
    os.kill(backend.pid, signal.SIGKILL)
    monkey = backends(**slow)  # the same command, started again: another port, another secret
    before = log.read_text().split()
    connections.address, connections.secret = monkey.address, monkey.secret
    status = job.wait(PATIENCE)
    assert status.state == "interrupted"
    assert "Resume" in status.message
    again = start(
        40,
        connections=Connections(monkey.address, monkey.secret),
        out_path=tmp_path / out,
        resume=True,
    ).wait(PATIENCE)
    assert again.state == "done", again.message
    assert again.skipped >= 10
    assert again.rendered + again.skipped == 40
    after = log.read_text().split()[len(before) :]
    finished = set(before[: again.skipped])
    assert not finished & set(after), "a finished frame was rendered again"
    assert len(after) == again.rendered
    assert set(before) | set(after) == {f"{0.01 * i:.4f}" for i in range(40)}
    if out == "sequence":
        check_sequence(tmp_path / out, range(1, 41))
    else:
        import av

        with av.open(str(tmp_path / out)) as movie:
            greys = [f.to_ndarray(format="gray").mean() for f in movie.decode(video=0)]
        assert len(greys) == 40
        assert greys[-1] > greys[0] + 10


def test_an_export_outlives_the_connection_that_ordered_it(start, server, tmp_path, gate_log):
    connections = Connections(server.address)
    job = start(40, connections=connections)
    until(lambda: job.poll().frames_done >= 3)
    connections.cut()
    status = job.wait(PATIENCE)
    assert status.state == "done", status.message
    assert status.rendered == 40
    check_sequence(tmp_path / "out" / "take 1", range(1, 41))


def test_a_client_that_never_returns_does_not_stop_the_export(start, server, tmp_path, gate_log):
    connections = Connections(server.address)
    job = start(20, connections=connections)
    until(lambda: job.poll().frames_done >= 2)
    connections.address = None
    connections.cut()
    assert job.wait(PATIENCE).state == "failed"
    until(lambda: len(list((tmp_path / "out" / "take 1").glob("frame_*.png"))) == 20)


def test_two_exports_take_turns(start, tmp_path, gate_log):
    jobs = [start(8, out_path=tmp_path / name) for name in ("one", "two")]
    for job, name in zip(jobs, ("one", "two"), strict=True):
        assert job.wait(PATIENCE).state == "done"
        check_sequence(tmp_path / name, range(1, 9))


def test_a_preview_stays_live_beside_an_export(start, server, gate_log):
    preview = LivePreview(lambda: Client(server.address, SECRET), portrait())
    job = start(60)
    until(lambda: job.poll().frames_done >= 1)
    shown_while_exporting = 0
    value = 0.0
    while not job.poll().finished and shown_while_exporting < 5:
        value += 0.01
        preview.send(Coefficients.of({"jawOpen": value}))
        until(preview.take)
        shown_while_exporting += job.poll().state == "rendering"
    assert shown_while_exporting == 5
    preview.stop(5)
    assert job.wait(PATIENCE).state == "done"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"first": 5, "last": 90}, "frames 5-90 are not within the clip's 1-6"),
        ({"engine": "nonesuch"}, "nonesuch"),
        ({"motion_path": "nowhere.npz"}, "nowhere"),
        ({"out_path": "picture.png"}, "picture.png"),
    ],
)
def test_what_cannot_be_exported_fails_with_one_line(start, tmp_path, monkeypatch, changes, says):
    monkeypatch.chdir(tmp_path)
    status = start(6, **changes).wait(PATIENCE)
    assert status.state == "failed"
    assert says in status.message
    assert "\n" not in status.message
    assert "heat-session" not in status.message


def test_a_target_below_a_file_is_reported(start, tmp_path):
    (tmp_path / "file").touch()
    status = start(3, out_path=tmp_path / "file" / "take").wait(PATIENCE)
    assert status.state == "failed"
    assert "cannot write" in status.message


def test_a_clip_without_frames_is_reported(start, tmp_path, clip_file):
    with np.load(clip_file(2)) as fields:
        empty = {n: fields[n][:0] if fields[n].ndim == 2 else fields[n] for n in fields.files}
    np.savez(tmp_path / "empty.npz", **empty)
    status = start(motion_path=tmp_path / "empty.npz").wait(PATIENCE)
    assert status.state == "failed"
    assert "no frames" in status.message


def test_no_backend_at_the_address_is_reported(start):
    status = start(address=("127.0.0.1", 9)).wait(PATIENCE)
    assert status.state == "interrupted"
    assert "no backend answers" in status.message


def test_cancel_before_anything_began(start, server, tmp_path):
    cancelled = threading.Event()

    def slow_factory():
        assert cancelled.wait(20)
        return Client(server.address, SECRET)

    job = start(connections=slow_factory)
    job.cancel()
    cancelled.set()
    assert job.wait(PATIENCE).state == "cancelled"
    assert not list(tmp_path.glob("out/**/*.png"))


def test_nothing_is_left_in_the_temporary_folder(start, server, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    assert start(3).wait(PATIENCE).state == "done"
    until(lambda: server.client_count == 0)
    until(lambda: not list(Path(tmp_path / "tmp").iterdir()))
