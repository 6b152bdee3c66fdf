# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that are given videos: refusals before the work, and renders that are stopped."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bridge import motion_clip
from tests.cli.conftest import Answer, save_clip, start_heat
from tests.cli.test_stopped_render import run_until
from tests.stand_in_engine import RENDER_SECONDS

pytestmark = pytest.mark.slow

Heat = Callable[..., Answer]
FRAMES = 8


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that moves a little, in a file whose name is no plain word."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

    path = tmp_path_factory.mktemp("video") / "vídeo 100%d.mp4"
    pixels = np.ascontiguousarray(data.astronaut()[:320, 80:400])
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25), width=320, height=320)
        stream.pix_fmt = "yuv420p"
        for shift in range(FRAMES):
            picture = np.roll(pixels, shift, axis=1)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    return path


def test_a_video_is_tracked_and_nothing_else_is_left(
    heat: Heat, video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "clip ü %d.npz"
    answer = heat("track", video, "--out", out)
    assert (answer.status, answer.err) == (0, "")
    assert len(motion_clip.load(out)) == FRAMES
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    usual = video.stat().st_mode  # readable by those who may read other files made here
    assert out.stat().st_mode == usual


def test_a_songs_cover_is_no_video(heat: Heat, tmp_path: Path) -> None:
    song = tmp_path / "song.m4a"
    with av.open(str(song), "w", format="mp4") as file:
        sound = file.add_stream("aac", rate=16000, layout="mono")
        cover = file.add_stream("mjpeg", width=64, height=64, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        tone.sample_rate = 16000
        file.mux(cover.encode(av.VideoFrame(64, 64, "yuvj420p")))
        file.mux([*sound.encode(tone), *sound.encode(None), *cover.encode(None)])
    with av.open(str(song)) as file:
        assert file.streams.video
    answer = heat("track", song, "--out", tmp_path / "clip.npz")
    assert (answer.status, "heat speak song.m4a" in answer.error) == (3, True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--start", "3", "--end", "1"], "--start 3 --end 1: the end must come after the start"),
        (["--start", "-1"], "--start -1: give a second of the video or sound, from 0 on"),
        (["--start", "nan"], "--start nan: give a second of the video or sound, from 0 on"),
        (["--end", "inf"], "the end must come after the start"),
        (["--face", "0"], "faces are counted from 1"),
        (["--strat", "1"], "there is no option --strat: did you mean --start?"),
    ],
)
def test_ranges_that_hold_nothing_are_refused(
    heat: Heat, video: Path, tmp_path: Path, options: list[str], told: str
) -> None:
    answer = heat("track", video, "--out", tmp_path / "clip.npz", *options)
    assert (answer.status, told in answer.error) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_face_that_the_video_never_shows_is_reported(
    heat: Heat, video: Path, tmp_path: Path
) -> None:
    answer = heat("track", video, "--out", tmp_path / "clip.npz", "--face", "2")
    assert answer.status == 3
    assert "shows only one face" in answer.err.splitlines()[-1]


def test_a_photo_is_no_video(heat: Heat, photo: Path, tmp_path: Path) -> None:
    answer = heat("track", photo, "--out", tmp_path / "clip.npz")
    assert (answer.status, "is a still picture" in answer.error) == (3, True)


@pytest.mark.parametrize("second", ["nan", "inf"])
def test_a_mix_at_no_second_is_wrong_usage(heat: Heat, tmp_path: Path, second: str) -> None:
    clip = save_clip(tmp_path / "clip.npz", 10)
    answer = heat("mix", clip, clip, "--out", tmp_path / "mixed.npz", "--at", second)
    assert (answer.status, "is not a second" in answer.error) == (2, True)


def test_a_video_given_to_mix_is_sent_to_track(heat: Heat, video: Path, tmp_path: Path) -> None:
    clip = save_clip(tmp_path / "clip.npz", 10)
    answer = heat("mix", clip, video, "--out", tmp_path / "mixed.npz")
    assert (answer.status, "heat track" in answer.error) == (3, True)


def test_what_is_wrong_with_photo_or_range_is_reported_before_a_video_is_tracked(
    heat: Heat, video: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tracked(*args: object, **more: object) -> None:
        raise AssertionError("the video was tracked first")

    monkeypatch.setattr("heat_backend.tracking.track.track_video", tracked)
    driven = ("--motion", video, "--out", tmp_path / "out.mp4")
    wrong = heat("render", "--portrait", photo, *driven)
    assert (wrong.status, "no face found" in wrong.err.splitlines()[-1]) == (3, True)
    stand_in = ("render", "--engine", "stand_in", "--portrait", photo, *driven)
    assert heat(*stand_in, "--frames", "4-x").status == 2
    assert heat(*stand_in, "--inversion", "nonsense").status == 2


def test_what_is_wrong_with_the_motion_is_reported_before_the_photo_is_fitted(
    heat: Heat, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(*args: object, **more: object) -> None:
        raise AssertionError("the photo was prepared first")

    monkeypatch.setattr("tests.stand_in_engine.StandInEngine.prepare", prepared)
    for name in ("notes.txt", "notes.npz"):
        (tmp_path / name).write_text("no motion at all")
        answer = heat(
            *("render", "--engine", "stand_in", "--portrait", photo),
            *("--motion", tmp_path / name, "--out", tmp_path / "out.mp4"),
        )
        assert (answer.status, name in answer.error) == (3, True)


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="signals of this system differ")
def test_a_stopped_render_of_a_video_goes_on_as_the_very_same_shot(
    heat: Heat, video: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "movie.mp4"
    command = ["render", "--engine", "stand_in", "--portrait", photo, "--motion", video]
    command += ["--out", out, "--json-progress"]
    process: subprocess.Popen[str] = start_heat(*command, **{RENDER_SECONDS: "0.2"})
    _, err = run_until(process, 2, signal.SIGINT)
    assert process.returncode == 130, err
    assert err.splitlines() == ["error: stopped: the finished frames are kept; resume to go on"]

    def found(*args: object) -> None:
        raise AssertionError("the video was tracked again")

    monkeypatch.setattr("heat_backend.tracking.track.FaceFollower", found)
    answer = heat(*command, "--resume")
    assert answer.status == 0, answer.err
    assert '"skipped": 0' not in answer.out
    assert [path.name for path in folder.iterdir()] == [out.name]


def test_a_folder_named_by_a_dot_can_be_rendered_into(
    heat: Heat, video: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    monkeypatch.chdir(folder)
    arguments = ("--portrait", photo, "--motion", video, "--out", ".", "--frames", "1-2")
    answer = heat("render", "--engine", "stand_in", *arguments)
    assert answer.status == 0, answer.err
    assert len(list(folder.iterdir())) == 2
    assert not list(tmp_path.glob(".*"))
    Image.open(folder / "frame_000001.png").load()
