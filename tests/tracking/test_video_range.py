# SPDX-License-Identifier: GPL-3.0-or-later
"""A range of a video is entered in the middle, with the very frames that the whole video has."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from heat_backend.media import video
from heat_backend.media.container import open_media
from heat_backend.media.video import video_frames

RATE = 25
FIRST = 10
"""Frames before the first one: a video need not begin at its clock's zero."""


class Counting:
    """An open video that counts the frames decoded."""

    def __init__(self, inside):
        self.inside, self.decoded = inside, 0

    def __getattr__(self, name):
        return getattr(self.inside, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inside.close()

    def decode(self, *streams):
        for frame in self.inside.decode(*streams):
            self.decoded += 1
            yield frame


def write_video(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Groups of pictures with a key frame that is shown after others that refer to it."""
    options = {"g": "37", "bf": "3", "x264-params": "open-gop=1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number + FIRST, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_range_holds_the_very_frames_that_the_whole_video_has_there(tmp_path, kind):
    rng = np.random.default_rng(3)
    pictures = rng.integers(0, 255, (200, 6, 6, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    path = write_video(tmp_path / f"long.{kind}", pictures)
    whole = list(video_frames(path))
    assert len(whole) == 200
    for start, end in (
        (0.0, 0.51),
        (2.97, 3.21),
        (3.01, 3.31),
        (4.43, 4.51),
        (5.93, 6.21),
        (7.9, None),
    ):
        meant = [f for f in whole if start <= f.seconds and (end is None or f.seconds < end)]
        found = list(video_frames(path, start, end))
        assert [f.seconds for f in found] == pytest.approx([f.seconds for f in meant], abs=1e-9)
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(found, meant, strict=True))


def test_a_late_start_does_not_decode_what_comes_before(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", [np.zeros((64, 64, 3), np.uint8)] * 1500)
    opened = []

    def counting(file):
        opened.append(Counting(open_media(file)))
        return opened[-1]

    monkeypatch.setattr(video, "open_media", counting)
    assert len(list(video_frames(path, 1490 / RATE))) == 10
    assert 10 <= sum(one.decoded for one in opened) < 400
