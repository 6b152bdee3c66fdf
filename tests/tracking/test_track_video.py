# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance rendered from known motion is written as a video and tracked again."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.errors import BadInput, Cancelled, UsageError
from bridge.motion_clip import MotionClip
from heat_backend.engines.protocol import EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.media.photo import Photo
from heat_backend.tracking.track import Tracked, TrackSettings, track_video

pytestmark = pytest.mark.slow

RATE = 25
COUNT = 70
BLINK_AT = 20


def known_motion() -> MotionClip:
    expression = np.zeros((COUNT, len(EXPRESSION_NAMES)), np.float32)
    at = np.arange(COUNT)

    def bump(start: int, length: int) -> np.ndarray:
        return np.sin(np.pi * np.clip((at - start) / length, 0, 1)) ** 2

    for name, weight, start, length in (
        ("eyeBlinkLeft", 1.0, BLINK_AT - 3, 6),
        ("eyeBlinkRight", 1.0, BLINK_AT - 3, 6),
        ("jawOpen", 0.6, 28, 16),
        ("mouthSmileLeft", 0.8, 48, 16),
        ("mouthSmileRight", 0.8, 48, 16),
    ):
        expression[:, EXPRESSION_INDEX[name]] = weight * bump(start, length)
    rotation = np.zeros((COUNT, 3), np.float32)
    rotation[:, 1] = np.radians(14) * np.sin(2 * np.pi * at / COUNT)
    rotation[:, 0] = np.radians(6) * np.sin(4 * np.pi * at / COUNT)
    return MotionClip(RATE, expression, rotation, np.zeros((COUNT, 3), np.float32))


def write_video(path: Path, frames: Sequence[np.ndarray], rate: int = RATE) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate), options={"crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def upside_down(video: Path, path: Path) -> Path:
    """Write 180 degrees into the track header's matrix (ISO 14496-12, box ``tkhd``)."""
    data = bytearray(video.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    struct.pack_into(">9i", data, matrix, -one, 0, 0, 0, -one, 0, 384 * one, 384 * one, 1 << 30)
    path.write_bytes(data)
    return path


def tracked(video: Path, folder: Path, **settings: object) -> Tracked:
    return track_video(
        video, TrackSettings(**settings), folder / "cache", lambda *_: None, lambda: False
    )


@pytest.fixture(scope="module")
def performance() -> list[np.ndarray]:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

    photo = Photo(np.ascontiguousarray(data.astronaut()), "test photo")
    portrait = make_engine("warp").prepare(
        photo, EngineSettings(size=384), lambda *_: None, lambda: False
    )
    clip = known_motion()
    return [portrait.render(clip.frame(k))[..., :3].copy() for k in range(COUNT)]


@pytest.fixture(scope="module")
def video(performance, tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "performance.mp4", performance)


@pytest.fixture(scope="module")
def found(video, tmp_path_factory) -> Tracked:
    return tracked(video, tmp_path_factory.mktemp("cache"))


def channel(clip: MotionClip, name: str) -> np.ndarray:
    return clip.expression[:, EXPRESSION_INDEX[name]]


def test_the_heads_turns_come_back_in_size_and_sign(found):
    known = known_motion()
    assert len(found.clip) == COUNT
    assert found.clip.fps == RATE
    away = np.degrees(np.abs(found.clip.rotation - known.rotation))
    assert away.mean() <= 1.5
    assert away.max() <= 5.0


@pytest.mark.parametrize(
    "name", ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight"]
)
def test_what_the_face_does_comes_back_on_its_own_channel(found, name):
    known, got = channel(known_motion(), name), channel(found.clip, name)
    assert np.abs(known - got).mean() <= 0.08
    assert got.max() >= 0.5 * known.max()
    assert got[known == 0].mean() <= 0.08


def test_a_blink_keeps_its_frame_and_its_height_through_the_smoothing(found, video, tmp_path):
    raw = tracked(video, tmp_path, smooth=0.0, end=1.4).clip
    window = slice(BLINK_AT - 5, BLINK_AT + 6)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        smoothed = channel(found.clip, name)[window]
        assert smoothed.max() >= 0.85 * channel(raw, name)[window].max()
        assert abs(int(smoothed.argmax()) - 5) <= 1


def test_frames_without_a_face_are_bridged_and_marked(performance, tmp_path):
    frames = list(performance)
    for k in range(30, 40):
        frames[k] = np.full_like(frames[k], 90)
    result = tracked(write_video(tmp_path / "gap.mp4", frames), tmp_path)
    assert len(result.clip) == COUNT
    assert (result.clip.confidence[31:39] == 0).all()
    assert result.clip.confidence[10] > 0.3
    assert any("no face in 10 frames" in note for note in result.notes)
    turns = np.degrees(result.clip.rotation)
    assert np.abs(np.diff(turns, axis=0)).max() < 4.0


def test_a_video_turned_by_its_metadata_reads_like_the_upright_one(found, performance, tmp_path):
    flipped = write_video(tmp_path / "flipped.mp4", [f[::-1, ::-1].copy() for f in performance])
    result = tracked(upside_down(flipped, tmp_path / "turned.mp4"), tmp_path)
    assert np.degrees(np.abs(result.clip.rotation - found.clip.rotation)).mean() < 0.7


def test_only_the_parts_asked_for_are_in_the_clip(video, tmp_path):
    mouth = tracked(video, tmp_path, pose=False, regions=("mouth",), start=0.6, end=2.0).clip
    assert not mouth.rotation.any()
    assert not channel(mouth, "eyeBlinkLeft").any()
    assert channel(mouth, "jawOpen").max() > 0.3
    head = tracked(video, tmp_path, expression=False, start=0.4, end=2.0).clip
    assert not head.expression.any()
    assert len(head) == 40


def test_a_stopped_run_goes_on_and_ends_with_the_same_clip(video, found, tmp_path):
    calls = iter(range(10_000))
    with pytest.raises(Cancelled):
        track_video(
            video, TrackSettings(), tmp_path / "cache", lambda *_: None, lambda: next(calls) > 30
        )
    assert (tmp_path / "cache" / "landmarks.bin").stat().st_size > 0
    result = tracked(video, tmp_path)
    assert np.abs(result.clip.rotation - found.clip.rotation).max() < np.radians(1.0)
    assert not (tmp_path / "cache").exists()


def test_a_face_for_three_frames_makes_a_clip_that_says_so(performance, tmp_path):
    frames = [np.full_like(performance[0], 90)] * 12
    frames[4:7] = performance[:3]
    result = tracked(write_video(tmp_path / "short.mp4", frames), tmp_path)
    assert len(result.clip) == 12
    assert any("no face in 9 frames" in note for note in result.notes)


def test_a_cut_to_another_face_is_reported_with_its_second(performance, found, tmp_path):
    import cv2

    def slimmer(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        slim = cv2.resize(pixels, (width * 2 // 3, height))
        side = width - slim.shape[1]
        return np.pad(slim, ((0, 0), (side // 2, side - side // 2), (0, 0)), mode="edge")

    frames = [*performance[:20], *map(slimmer, performance[20:40])]
    result = tracked(write_video(tmp_path / "cut.mp4", frames), tmp_path)
    assert any("the video cuts at second 0.80" in note for note in result.notes)
    assert not found.notes


def test_frames_of_uneven_length_keep_their_times(performance, found, tmp_path):
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options={"crf": "12"})
        stream.height, stream.width = performance[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(performance):
            if 10 <= number < 45 and number % 3:
                continue  # a third of the rate for a while, as phones record in the dark
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = 500 + number * 1000 // RATE, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    result = tracked(path, tmp_path)
    assert len(result.clip) == pytest.approx(COUNT, abs=1)
    assert not result.notes
    count = min(COUNT, len(result.clip))
    off = result.clip.rotation[:count] - found.clip.rotation[:count]
    assert np.degrees(np.abs(off)).mean() < 1.0


def test_a_video_that_is_cut_off_is_tracked_so_far_and_reported(video, tmp_path):
    # With its index in front, so that what is left of it can be played.
    whole = tmp_path / "front.mp4"
    with (
        av.open(str(video)) as source,
        av.open(str(whole), "w", options={"movflags": "faststart"}) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    part = tmp_path / "part.mp4"
    data = whole.read_bytes()
    part.write_bytes(data[: len(data) * 4 // 5])
    result = tracked(part, tmp_path)
    assert 5 < len(result.clip) < COUNT - 5
    assert any("the video breaks off" in note for note in result.notes)


def test_a_video_without_a_face_says_what_to_do(tmp_path):
    frames = [np.full((128, 128, 3), 90, np.uint8)] * 5
    with pytest.raises(BadInput, match=r"no face found in empty\.mp4: choose a video"):
        tracked(write_video(tmp_path / "empty.mp4", frames), tmp_path)


def test_sound_without_pictures_is_sent_to_speak(tmp_path):
    path = tmp_path / "voice.wav"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=16000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), "s16", "mono")
        tone.sample_rate = 16000
        file.mux(stream.encode(tone))
    with pytest.raises(BadInput, match=r"heat speak voice\.wav"):
        tracked(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello, this is no video"])
def test_what_is_no_video_is_reported_in_a_line(tmp_path, content):
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a video that can be read"):
        tracked(path, tmp_path)


def test_a_range_outside_the_video_is_reported(video, tmp_path):
    with pytest.raises(BadInput, match="no frames from --start 60"):
        tracked(video, tmp_path, start=60.0)
    with pytest.raises(UsageError, match="the end must come after the start"):
        tracked(video, tmp_path, start=1.0, end=0.5)


def test_a_head_that_never_moves_gives_a_still_clip(performance, tmp_path):
    rng = np.random.default_rng(0)
    still = [
        np.clip(performance[0] + rng.normal(0, 4, performance[0].shape), 0, 255).astype(np.uint8)
        for _ in range(40)
    ]
    clip = tracked(write_video(tmp_path / "still.mp4", still), tmp_path).clip
    assert np.degrees(clip.rotation[5:-5].std(axis=0)).max() < 0.15
    assert clip.expression[5:-5].std(axis=0).max() < 0.03
