# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat speak`` as a user meets it: what it writes, and what it says about odd files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge import face_model, motion_clip
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from heat_backend.speech.lip_landmarks import opening
from tests.cli.conftest import Answer
from tests.speech.sounds import (
    RATE,
    encode,
    vowel,
    write_float_wave,
    write_silent_movie,
    write_wave,
)
from tools.speech_training import augment

Heat = Callable[..., Answer]


def spoken(heat: Heat, path: Path, *options: object) -> tuple[motion_clip.MotionClip, Answer]:
    out = path.with_suffix(".npz")
    answer = heat("speak", path, "--out", out, *options)
    assert answer.status == 0, answer.err
    return motion_clip.load(out), answer


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """Two seconds of voice, a second of nothing, two seconds of voice."""
    parts = [vowel(2.0), np.zeros(RATE, np.float32), vowel(2.0, seed=1)]
    return write_wave(tmp_path / "Stimme ü.wav", np.concatenate(parts))


def test_a_voice_moves_the_mouth_and_nothing_else(heat: Heat, voice: Path) -> None:
    clip, answer = spoken(heat, voice)
    assert len(clip) == 150
    assert clip.fps == 30.0
    assert clip.source == voice.name
    assert opening(clip.expression).max() > 0.03
    moved = {name for name, i in EXPRESSION_INDEX.items() if clip.expression[:, i].any()}
    assert moved
    assert all(name.startswith(("jaw", "mouth", "tongue")) for name in moved)
    assert not clip.rotation.any()
    assert not clip.translation.any()
    assert "150 frames" in answer.out


def test_the_mouth_rests_in_the_pause(heat: Heat, voice: Path) -> None:
    clip, _ = spoken(heat, voice)
    rest = clip.expression[int(2.3 * 30) : int(2.85 * 30)]
    assert not rest.any()


@pytest.mark.parametrize(
    ("fps", "frames"), [("23.976", 120), ("24000/1001", 120), ("12", 60), ("120", 600)]
)
def test_any_frame_rate(heat: Heat, voice: Path, fps: str, frames: int) -> None:
    clip, _ = spoken(heat, voice, "--fps", fps)
    assert len(clip) == frames
    assert clip.fps == pytest.approx(eval(fps), rel=1e-6)


def test_style_makes_it_stronger_and_zero_keeps_the_mouth_shut(heat: Heat, voice: Path) -> None:
    wide = [opening(spoken(heat, voice, "--style", s)[0].expression).max() for s in ("0", "1", "2")]
    assert wide[0] < 0.01
    assert wide[2] > 1.4 * wide[1] > 0.0


def test_life_blinks_and_sways_by_its_seed(heat: Heat, voice: Path) -> None:
    first, _ = spoken(heat, voice, "--life", "--seed", 3)
    again, _ = spoken(heat, voice, "--life", "--seed", 3)
    other, _ = spoken(heat, voice, "--life", "--seed", 4)
    plain, _ = spoken(heat, voice)
    lids = first.expression[:, EXPRESSION_INDEX["eyeBlinkLeft"]]
    assert lids.max() == 1.0
    assert (lids == 0.0).mean() > 0.7
    assert 0.2 < np.degrees(np.abs(first.rotation).max()) < 12.0
    assert not first.rotation[0].any()
    np.testing.assert_array_equal(first.expression, again.expression)
    np.testing.assert_array_equal(first.rotation, again.rotation)
    assert not np.array_equal(first.rotation, other.rotation)
    mouth = [i for i, n in enumerate(EXPRESSION_NAMES) if n.startswith(("jaw", "mouth", "tongue"))]
    np.testing.assert_array_equal(first.expression[:, mouth], plain.expression[:, mouth])


def test_landmarks_are_those_of_the_face_model(heat: Heat, voice: Path, tmp_path: Path) -> None:
    file = tmp_path / "lips.npz"
    clip, _ = spoken(heat, voice, "--landmarks", file)
    with np.load(file) as read:
        points, fps = read["landmarks"], float(read["fps"])
    assert points.shape == (len(clip), 20, 3)
    assert fps == clip.fps
    model = face_model.load()
    frame = int(np.argmax(opening(clip.expression)))
    lips = face_model.landmarks(model, face_model.shape(model, [], clip.expression[frame]))
    np.testing.assert_allclose(points[frame, [0, 6, 14, 18]], lips[[61, 291, 13, 14]], atol=1e-5)
    corners = points[frame, [0, 6], 0]
    assert corners[0] < 0.0 < corners[1]


def test_progress_as_json_ends_with_a_summary(heat: Heat, voice: Path, tmp_path: Path) -> None:
    answer = heat("speak", voice, "--out", tmp_path / "o.npz", "--json-progress")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert lines[-1]["step"] == "done"
    assert lines[-1]["frames"] == 150
    assert any(line["step"] == "prepare" and line["fraction"] == 1.0 for line in lines)


def _eight_khz(folder: Path) -> Path:
    return write_wave(folder / "phone.wav", vowel(2.0)[::2], 8000)


def _five_one(folder: Path) -> Path:
    channels = np.zeros((6, 2 * RATE), np.float32)
    channels[2] = vowel(2.0)
    return encode(folder / "cinema.flac", channels, "flac", "5.1", RATE)


def _clipped(folder: Path) -> Path:
    return write_wave(folder / "loud.wav", np.clip(8.0 * vowel(2.0), -1.0, 1.0))


def _some_nan(folder: Path) -> Path:
    samples = vowel(2.0)
    samples[8000:9000] = np.nan
    samples[20000] = np.inf
    return write_float_wave(folder / "nan.wav", samples)


def _aac_movie(folder: Path) -> Path:
    return encode(folder / "voice.m4a", vowel(2.0)[None], "aac", "mono", RATE)


@pytest.mark.parametrize("make", [_eight_khz, _five_one, _clipped, _some_nan, _aac_movie])
def test_odd_sounds_still_speak(heat: Heat, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    clip, answer = spoken(heat, make(tmp_path))
    assert 60 <= len(clip) <= 64
    assert np.isfinite(clip.expression).all()
    assert opening(clip.expression).max() > 0.02
    assert ("not numbers" in answer.err) == (make is _some_nan)


def _noise(count: int) -> NDArray[np.floating]:
    return 0.1 * np.random.default_rng(0).standard_normal(count)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(3 * RATE),
        _noise(3 * RATE),
        0.2 * np.sin(np.arange(3 * RATE) * 0.06),
        np.zeros(1),
        np.full(3 * RATE, np.nan),
    ],
    ids=["silence", "noise", "a tone", "one sample", "not a number"],
)
def test_what_is_no_speech_leaves_the_mouth_shut(
    heat: Heat, tmp_path: Path, samples: NDArray[np.floating]
) -> None:
    clip, answer = spoken(heat, write_float_wave(tmp_path / "s.wav", samples))
    assert not clip.expression.any()
    assert "the mouth stays shut" in answer.err


def test_music_alone_hardly_opens_the_mouth(heat: Heat, tmp_path: Path) -> None:
    music = 0.2 * augment.music(8 * RATE, np.random.default_rng(5))
    clip, _ = spoken(heat, write_wave(tmp_path / "music.wav", music))
    assert (opening(clip.expression) > 0.02).mean() < 0.2


def test_fifty_milliseconds_are_two_frames(heat: Heat, tmp_path: Path) -> None:
    clip, _ = spoken(heat, write_wave(tmp_path / "short.wav", vowel(0.05)))
    assert len(clip) == 2


def _text(folder: Path) -> Path:
    path = folder / "text.wav"
    path.write_text("this is not a sound\n" * 40)
    return path


def _nothing(folder: Path) -> Path:
    path = folder / "empty.wav"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (_text, "neither sound nor video"),
        (_nothing, "neither sound nor video"),
        (lambda folder: write_wave(folder / "none.wav", np.zeros(0)), "no sound"),
        (lambda folder: write_silent_movie(folder / "video.mp4"), "without sound"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "missing.wav", "there is no file"),
    ],
    ids=["text", "empty", "no samples", "silent video", "folder", "missing"],
)
def test_what_cannot_be_heard_is_one_clear_line(
    heat: Heat, tmp_path: Path, make: Callable[[Path], Path], word: str
) -> None:
    answer = heat("speak", make(tmp_path), "--out", tmp_path / "out.npz")
    assert answer.status == 3
    assert word in answer.error
    assert not (tmp_path / "out.npz").exists()


def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(heat: Heat, tmp_path: Path) -> None:
    whole = write_wave(tmp_path / "whole.wav", vowel(4.0)).read_bytes()
    part = tmp_path / "part.wav"
    part.write_bytes(whole[: len(whole) // 2])
    clip, _ = spoken(heat, part)
    assert 58 <= len(clip) <= 62


def test_a_range_is_heard_as_if_the_rest_were_not_there(heat: Heat, tmp_path: Path) -> None:
    samples = np.concatenate([vowel(2.0), np.zeros(2 * RATE, np.float32), vowel(3.0, 180.0)])
    whole = write_wave(tmp_path / "whole.wav", samples)
    part = write_wave(tmp_path / "part.wav", samples[3 * RATE : 6 * RATE])
    clip, _ = spoken(heat, whole, "--start", "3", "--end", "6")
    meant, _ = spoken(heat, part)
    assert len(clip) == 90
    assert np.abs(opening(clip.expression) - opening(meant.expression)).max() < 0.02
    assert not clip.expression[:20].any()
    rest, _ = spoken(heat, whole, "--start", "6.5")
    assert len(rest) == 15


@pytest.mark.parametrize("options", [("--start", "9"), ("--start", "8", "--end", "9")])
def test_a_range_behind_the_end_is_reported(heat: Heat, voice: Path, options: tuple) -> None:
    answer = heat("speak", voice, "--out", voice.with_suffix(".npz"), *options)
    assert answer.status == 3
    assert f"no sound from --start {options[1]}" in answer.error


@pytest.mark.parametrize(
    "options",
    [
        ("--start", "-1"),
        ("--start", "2", "--end", "1"),
        ("--fps", "0"),
        ("--fps", "fast"),
        ("--style", "-1"),
        ("--seed", "-4"),
        ("--fps", "1/0"),
    ],
)
def test_numbers_out_of_range_are_wrong_usage(heat: Heat, voice: Path, options: tuple) -> None:
    answer = heat("speak", voice, "--out", voice.with_suffix(".npz"), *options)
    assert answer.status == 2
    assert options[0].strip("-") in answer.error


def test_the_sound_itself_is_never_overwritten(heat: Heat, tmp_path: Path) -> None:
    sound = write_wave(tmp_path / "a.npz", vowel(0.5))
    answer = heat("speak", sound, "--out", sound)
    assert answer.status == 2
    assert sound.read_bytes()[:4] == b"RIFF"
