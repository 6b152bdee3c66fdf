# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders that are killed or interrupted, and then resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image

from heat_backend.export.packet_log import whole_entries
from tests.cli.conftest import ROOT, WITH_STAND_IN, Answer, save_clip, start_heat
from tests.stand_in_engine import RENDER_LOG, RENDER_SECONDS

pytestmark = pytest.mark.slow

FRAMES = 40
Heat = Callable[..., Answer]


def arguments(photo: Path, clip: Path, out: Path) -> list[str]:
    parts = ["render", "--engine", "stand_in", "--portrait", photo, "--motion", clip, "--out", out]
    return [*map(str, parts), "--json-progress"]


def run_until(process: subprocess.Popen[str], frames: int, number: int) -> tuple[str, str]:
    """Send a signal once so many frames are done; give what it printed after that."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            step = json.loads(line)
            if step["step"] == "render" and step["done"] >= frames:
                process.send_signal(number)
                break
        return process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def finished_frames(out: Path) -> set[int]:
    """Indices of the frames that are safe on the disk."""
    if out.suffix != ".mp4":
        return {int(path.stem.removeprefix("frame_")) - 1 for path in out.glob("frame_*.png")}
    work = out.parent / f".{out.name}.heat-part"
    return set(range(len(whole_entries(work / "packets.h264", work / "packets.index"))))


def rendered(log: Path) -> Counter[int]:
    return Counter(round(float(line) * 100) for line in log.read_text().splitlines())


@pytest.mark.parametrize("name", ["take 1.mp4", "frames"])
def test_killed_then_resumed_loses_nothing_and_renders_no_finished_frame_twice(
    heat: Heat, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    clip = save_clip(tmp_path / "clip.npz", FRAMES)
    out = tmp_path / name
    log = tmp_path / "log"
    command = arguments(photo, clip, out)
    process = start_heat(*command, **{RENDER_LOG: str(log), RENDER_SECONDS: "0.02"})
    run_until(process, 12, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    assert process.returncode != 0
    safe = finished_frames(out)
    assert len(safe) >= 12
    if out.suffix == ".mp4":
        assert not out.exists()
    else:
        for path in out.iterdir():  # only whole files under final names
            Image.open(path).load()

    monkeypatch.setenv(RENDER_LOG, str(log))
    answer = heat(*command, "--resume")
    assert answer.status == 0, answer.err
    last = json.loads(answer.out.splitlines()[-1])
    assert last["skipped"] == len(safe)
    assert last["rendered"] == FRAMES - len(safe)
    counts = rendered(log)
    assert set(counts) == set(range(FRAMES))
    assert all(counts[index] == 1 for index in safe)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    if out.suffix == ".mp4":
        with av.open(str(out)) as movie:
            means = [f.to_ndarray(format="gray").mean() for f in movie.decode(video=0)]
        assert len(means) == FRAMES
        assert means == sorted(means)  # each frame is brighter than the one before
    else:
        assert len(finished_frames(out)) == FRAMES


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("name", ["take.mp4", "frames"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_leaves_only_whole_files(
    photo: Path, tmp_path: Path, name: str, number: int
) -> None:
    clip = save_clip(tmp_path / "clip.npz", 200)
    out = tmp_path / name
    process = start_heat(*arguments(photo, clip, out), **{RENDER_SECONDS: "0.02"})
    _, err = run_until(process, 5, number)
    assert process.returncode == 130
    assert len(err.splitlines()) == 1
    assert err.startswith("error: stopped")
    if out.suffix == ".mp4":
        assert not out.exists()
    else:
        assert 5 <= len(list(out.iterdir())) < 200
        for path in out.iterdir():
            Image.open(path).load()
    assert not [path for path in tmp_path.rglob("*.png.part")]


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
def test_a_disk_that_really_refuses_keeps_the_finished_frames(
    heat: Heat, photo: Path, tmp_path: Path
) -> None:
    clip = save_clip(tmp_path / "clip.npz", FRAMES)
    out = tmp_path / "take.mp4"
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + WITH_STAND_IN, *arguments(photo, clip, out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: the disk of")
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()
    kept = len(finished_frames(out))
    assert 0 < kept < FRAMES
    answer = heat(*arguments(photo, clip, out), "--resume")
    assert json.loads(answer.out.splitlines()[-1])["skipped"] == kept
    with av.open(str(out)) as movie:
        assert movie.streams.video[0].frames == FRAMES
