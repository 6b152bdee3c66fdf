# SPDX-License-Identifier: GPL-3.0-or-later
"""Movies: rate, colours, odd sizes, tags, and going on after a stop."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bridge.errors import BadInput, Cancelled, MissingHere
from heat_backend.export import h264
from heat_backend.export.run import ExportResult
from heat_backend.export.shot import frame_rate
from heat_backend.export.write_errors import Occupied
from heat_backend.media.photo import Photo
from tests.export.conftest import CountingPortrait, cancel_after, hidden, make_clip, picture

Run = Callable[..., ExportResult]


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as movie:
        return [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b[..., :3]).mean())


def test_a_movie_holds_every_frame_in_order(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    clip = make_clip(50)
    out = tmp_path / "My take № 1.mp4"
    result = run_export(out, clip)
    assert result.files == (out,)
    assert hidden(tmp_path) == []
    frames = decode(out)
    assert len(frames) == 50
    for index in (0, 1, 23, 24, 25, 49):
        assert distance(frames[index], portrait.render(clip.frame(index))) < 2.5
    # Ten frames apart the picture is brighter by 10 levels: order shows.
    assert frames[40].mean() - frames[30].mean() == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (Fraction(24000, 1001), Fraction(24000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_frame_rates(
    tmp_path: Path, run_export: Run, fps: Fraction | float, exact: Fraction
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(10), fps=fps)
    with av.open(str(out)) as movie:
        stream = movie.streams.video[0]
        assert stream.average_rate == exact
        assert stream.frames == 10
        assert stream.duration * stream.time_base == 10 / exact
        times = [frame.pts * frame.time_base for frame in movie.decode(video=0)]
    assert times == [index / exact for index in range(10)]


@pytest.mark.parametrize("fps", [0.0, -24.0, float("nan"), float("inf"), 5000.0])
def test_impossible_rates(fps: float) -> None:
    with pytest.raises(BadInput, match="frames a second"):
        frame_rate(fps)


def test_flat_colours_come_back(tmp_path: Path, run_export: Run) -> None:
    colours = [(200, 150, 120), (90, 60, 50), (250, 250, 250), (8, 8, 8), (30, 90, 160), (128,) * 3]
    pixels = np.zeros((128, 192, 3), np.uint8)
    for place, colour in enumerate(colours):
        row, column = divmod(place, 3)
        pixels[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64] = colour
    run_export(tmp_path / "a.mp4", make_clip(3, step=0.0), portrait=CountingPortrait(Photo(pixels)))
    for frame in decode(tmp_path / "a.mp4"):
        for place, colour in enumerate(colours):
            row, column = divmod(place, 3)
            patch = frame[row * 64 + 16 : row * 64 + 48, column * 64 + 16 : column * 64 + 48]
            assert np.abs(patch.reshape(-1, 3).mean(axis=0) - colour).max() <= 2


def test_tags_of_codec_colours_and_origin(tmp_path: Path, run_export: Run) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(2))
    with av.open(str(out)) as movie:
        stream = movie.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        frame = next(movie.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1)
        assert (frame.color_primaries, frame.color_trc) == (1, 1)
        assert "ynthetic" in movie.metadata["comment"]
        assert "stand_in 1.0" in movie.metadata["comment"]
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "not made for a quick start"


@pytest.mark.parametrize(("width", "height"), [(95, 64), (96, 63), (95, 63)])
def test_odd_sizes_lose_no_pixel_and_it_is_said(
    tmp_path: Path, run_export: Run, width: int, height: int
) -> None:
    odd = CountingPortrait(Photo(picture(width, height)))
    result = run_export(tmp_path / "a.mp4", make_clip(2), portrait=odd)
    (frame, _) = decode(tmp_path / "a.mp4")
    assert frame.shape == (64, 96, 3)
    assert distance(frame[:height, :width], odd.render(make_clip(1).frame(0))) < 2.5
    assert [note for note in result.notes if f"{width} x {height}" in note]


def test_a_range_of_the_clip(tmp_path: Path, run_export: Run, portrait: CountingPortrait) -> None:
    clip = make_clip(60)
    run_export(tmp_path / "a.mp4", clip, frames=range(30, 40))
    frames = decode(tmp_path / "a.mp4")
    assert len(frames) == 10
    assert distance(frames[0], portrait.render(clip.frame(30))) < 2.5


def test_cancel_then_resume_renders_each_frame_once(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    clip = make_clip(70)
    out = tmp_path / "a.mp4"
    for stop in (10, 35):
        with pytest.raises(Cancelled):
            run_export(out, clip, resume=True, cancelled=cancel_after(portrait, stop))
        assert not out.exists()
    result = run_export(out, clip, resume=True)
    assert (result.rendered, result.skipped) == (35, 35)
    assert portrait.rendered == [round(0.01 * index, 4) for index in range(70)]
    frames = decode(out)
    assert len(frames) == 70
    for index in (9, 10, 34, 35, 36, 69):
        assert distance(frames[index], portrait.render(clip.frame(index))) < 2.5
    with av.open(str(out)) as movie:
        keys = [i for i, packet in enumerate(movie.demux(video=0)) if packet.is_keyframe]
    assert {0, 10, 35} <= set(keys)
    assert hidden(tmp_path) == []


def test_a_torn_side_file_loses_only_the_torn_frame(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    clip = make_clip(20)
    out = tmp_path / "a.mp4"
    with pytest.raises(Cancelled):
        run_export(out, clip, cancelled=cancel_after(portrait, 8))
    (work,) = tmp_path.iterdir()
    stream = work / "packets.h264"
    stream.write_bytes(stream.read_bytes()[:-3])  # the last packet did not reach the disk
    with (work / "packets.index").open("ab") as index:
        index.write(b"12345 6")  # and a line was begun
    result = run_export(out, clip, resume=True)
    assert (result.rendered, result.skipped) == (13, 7)
    assert len(decode(out)) == 20


@pytest.mark.parametrize("change", ["clip", "portrait", "range", "fps", "engine"])
def test_resume_refuses_another_shot_and_keeps_the_work(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait, change: str
) -> None:
    clip = make_clip(20)
    out = tmp_path / "a.mp4"
    with pytest.raises(Cancelled):
        run_export(out, clip, cancelled=cancel_after(portrait, 8))
    other: dict[str, object] = {
        "clip": {},
        "portrait": {"portrait_id": "someone else"},
        "range": {"frames": range(1, 20)},
        "fps": {"fps": Fraction(25)},
        "engine": {"engine_label": "stand_in 2.0"},
    }[change]
    other_clip = make_clip(20, step=0.02) if change == "clip" else clip
    with pytest.raises(BadInput, match="begun with another portrait, clip, range or setting"):
        run_export(out, other_clip, resume=True, **other)
    assert run_export(out, clip, resume=True).skipped == 8


def test_starting_again_forgets_the_unfinished_movie(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    out = tmp_path / "a.mp4"
    with pytest.raises(Cancelled):
        run_export(out, make_clip(20), cancelled=cancel_after(portrait, 8))
    result = run_export(out, make_clip(12, step=0.02))
    assert (result.rendered, result.skipped) == (12, 0)
    assert len(decode(out)) == 12


def test_another_file_of_that_name_is_kept_unless_overwriting_is_asked(
    tmp_path: Path, run_export: Run
) -> None:
    out = tmp_path / "a.mp4"
    out.write_bytes(b"someone's home video")
    for resume in (False, True):
        with pytest.raises(BadInput, match="not of this shot"):
            run_export(out, make_clip(4), resume=resume)
    assert out.read_bytes() == b"someone's home video"
    assert hidden(tmp_path) == []
    run_export(out, make_clip(4), overwrite=True)
    assert len(decode(out)) == 4


@pytest.mark.parametrize("change", [{"frames": range(2, 4)}, {"fps": Fraction(25)}])
def test_other_frames_of_the_same_shot_do_not_replace_a_movie_unasked(
    tmp_path: Path, run_export: Run, change: dict[str, object]
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(4), frames=range(2))
    for resume in (False, True):
        with pytest.raises(Occupied, match="frames 1-2 at 24 a second of this shot"):
            run_export(out, make_clip(4), resume=resume, **{"frames": range(2), **change})
    assert len(decode(out)) == 2
    assert hidden(tmp_path) == []
    run_export(out, make_clip(4), frames=range(4), overwrite=True)
    assert len(decode(out)) == 4


def test_an_older_movie_stays_whole_until_the_new_one_is(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(6))
    before = out.read_bytes()
    clip = make_clip(9, step=0.02)
    with pytest.raises(Cancelled):
        run_export(out, clip, overwrite=True, cancelled=cancel_after(portrait, 9))
    assert out.read_bytes() == before
    assert run_export(out, clip, resume=True).skipped == 3
    assert len(decode(out)) == 9


def test_resume_of_a_finished_movie_renders_nothing(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(5))
    portrait.rendered.clear()
    assert run_export(out, make_clip(5), resume=True).skipped == 5
    assert portrait.rendered == []


def test_a_full_disk_keeps_the_finished_frames(
    tmp_path: Path, run_export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    written = 0

    def fill(handle: int, data: bytes) -> int:
        nonlocal written
        written += 1
        if written > 21:  # a packet and a line for each frame
            write(handle, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(os, "write", fill)
    out = tmp_path / "a.mp4"
    with pytest.raises(MissingHere, match="full"):
        run_export(out, make_clip(30))
    assert not out.exists()
    monkeypatch.undo()
    result = run_export(out, make_clip(30), resume=True)
    assert (result.rendered, result.skipped) == (20, 10)
    assert len(decode(out)) == 30


def test_a_disk_that_fills_while_the_movie_is_put_together(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(part: Path, provenance: object) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("heat_backend.export.movie.append_to_mp4", fill)
    out = tmp_path / "a.mp4"
    with pytest.raises(MissingHere, match="full"):
        run_export(out, make_clip(6))
    assert not out.exists()
    monkeypatch.undo()
    portrait.rendered.clear()
    assert run_export(out, make_clip(6), resume=True).skipped == 6
    assert portrait.rendered == []
    assert len(decode(out)) == 6


def test_without_an_encoder_it_says_what_to_do(
    tmp_path: Path, run_export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h264, "has_encoder", lambda: False)
    with pytest.raises(MissingHere, match=r"pip install av.*PNG sequence"):
        run_export(tmp_path / "a.mp4", make_clip(2))
    assert not (tmp_path / "a.mp4").exists()


def test_a_folder_named_like_a_movie(tmp_path: Path, run_export: Run) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        run_export(tmp_path / "a.mp4", make_clip(2))
