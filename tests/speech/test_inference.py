# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio features and the network in windows, closures and openings against known sounds, timing."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from heat_backend.engines.protocol import never
from heat_backend.media import mel
from heat_backend.media.audio import AudioStream
from heat_backend.speech import inference
from heat_backend.speech import network as speech_network
from heat_backend.speech.inference import (
    AudioFeatures,
    NetworkOutput,
    extract_features,
    run_network,
)
from heat_backend.speech.lip_landmarks import opening
from heat_backend.speech.phonemes import from_espeak
from heat_backend.speech.speak import SpeechStyle, motion_from_output, no_progress, speak
from heat_backend.speech.visemes import COUNT
from tests.speech.sounds import (
    KIT,
    RATE,
    needs_espeak,
    sentence,
    vowel,
    write_movie_with_late_sound,
    write_wave,
)
from tools.speech_training.scoring import (
    correlation,
    energy_envelope,
    in_band,
    score_closures,
    silences,
)


def test_features_of_blocks_are_those_of_the_whole() -> None:
    samples = vowel(1.3)
    whole = mel.log_mel(mel.padded(samples))
    stream, parts, at = mel.MelStream(), [], 0
    for size in (1, 159, 400, 7, 5000, 3, 4096, 100000):
        parts.append(stream.feed(samples[at : at + size]))
        at += size
    parts.append(stream.end())
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_windows_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = extract_features(write_wave(tmp_path / "v.wav", vowel(9.0)), no_progress, never)
    network = speech_network.shipped()
    whole = run_network(network, features, no_progress)
    monkeypatch.setattr(inference, "WINDOW_SECONDS", 2.0)
    pieces = run_network(network, features, no_progress)
    assert np.abs(whole.channels - pieces.channels).max() < 0.06
    assert np.abs(whole.channels - pieces.channels).mean() < 0.004


@needs_espeak
def test_a_quiet_recording_opens_the_mouth_like_a_loud_one(tmp_path: Path) -> None:
    samples, _ = sentence()
    loud = speak(write_wave(tmp_path / "a.wav", samples)).clip
    soft = speak(write_wave(tmp_path / "b.wav", 0.05 * samples)).clip
    assert np.abs(opening(loud.expression) - opening(soft.expression)).mean() < 0.01


@needs_espeak
@pytest.mark.parametrize("fps", [24000 / 1001, 30.0, 60.0])
def test_lips_close_for_p_b_m_in_a_voice_not_trained_on(tmp_path: Path, fps: float) -> None:
    samples, sounds = sentence()
    clip = speak(write_wave(tmp_path / "said.wav", samples), SpeechStyle(fps)).clip
    found = score_closures(opening(clip.expression), fps, sounds)
    assert found.wanted >= 12
    assert found.share >= 0.95
    assert found.median_error <= 0.04


@pytest.mark.parametrize(("probability", "decibel", "closes"), [
    (0.1, 10.0, False), (0.1, 30.0, True), (0.7, 5.0, False), (0.7, 15.0, True), (0.97, 0.0, True),
])  # fmt: skip
def test_an_improbable_closure_needs_a_dip_of_the_voice(
    probability: float, decibel: float, closes: bool
) -> None:
    levels = np.zeros(200, np.float32)
    levels[100:106] = -decibel * np.log(10.0) / 10.0
    bands = np.zeros((2, 40), np.float32)
    loud, quiet = np.zeros_like(levels), np.full_like(levels, -8.0)
    features = AudioFeatures(np.zeros((200, 40), np.float16), levels, loud, quiet, bands, 32000, ())
    channels, closure = np.full((100, COUNT), 0.2, np.float32), np.zeros(100, np.float32)
    closure[50:53] = probability
    output = NetworkOutput(channels, closure, np.ones(100, np.float32))
    assert bool(motion_from_output(features, output, SpeechStyle(), None).closures) == closes


@needs_espeak
def test_opening_follows_the_energy_of_the_voice(tmp_path: Path) -> None:
    samples, _ = sentence()
    clip = speak(write_wave(tmp_path / "said.wav", samples)).clip
    time = np.arange(len(clip)) / clip.fps
    envelope = energy_envelope(samples, time, (0.0, 4.0))
    assert correlation(opening(clip.expression), envelope, clip.fps)[0] >= 0.5


@pytest.mark.skipif(not (KIT / "audio").is_dir(), reason="needs the developers' data kit")
@pytest.mark.parametrize("name", ["e01_en-us", "e02_en-us-f3", "e03_de"])
def test_lips_close_in_files_with_known_times(name: str) -> None:
    table = json.loads((KIT / "audio" / f"{name}.json").read_text("utf-8"))
    events = [(p["start"], p["ipa"]) for p in table["phonemes"]]
    clip = speak(KIT / "audio" / f"{name}.wav").clip
    sounds = from_espeak(events, table["duration"])
    found = score_closures(opening(clip.expression), clip.fps, sounds)
    assert found.share >= 0.95
    assert found.median_error <= 0.04


@pytest.mark.skipif(not (KIT / "audio").is_dir(), reason="needs the developers' data kit")
@pytest.mark.parametrize("name", ["a01_en", "a02_de", "a03_zh"])
def test_people_open_their_mouths_with_their_voice_and_rest_in_silence(name: str) -> None:
    path = KIT / "audio" / f"{name}.wav"
    clip = speak(path).clip
    samples = np.concatenate(list(AudioStream(path).blocks()))
    time = np.arange(len(clip)) / clip.fps
    envelope = energy_envelope(samples, time, (2.0, 6.0))
    wide = in_band(opening(clip.expression), clip.fps, (2.0, 6.0))
    assert correlation(wide, envelope, clip.fps)[0] >= 0.5
    for start, end in silences(samples):
        rest = (time >= start + 0.16) & (time <= end - 0.1)
        assert not clip.expression[rest].any()


def test_the_start_of_a_file_is_second_zero(tmp_path: Path) -> None:
    """A burst of voice after silence opens the mouth then, not earlier or later."""
    samples = np.concatenate([np.zeros(2 * RATE, np.float32), vowel(2.0)])
    clip = speak(write_wave(tmp_path / "late.wav", samples), SpeechStyle(50.0)).clip
    first = int(np.argmax(opening(clip.expression) > 0.02)) / 50.0
    assert 1.85 < first < 2.3


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("late", [-0.6, 0.0, 0.05, 0.8])
def test_of_a_video_second_zero_is_the_first_picture(
    tmp_path: Path, late: float, kind: str
) -> None:
    """Also where its sound was recorded before it, or a little after it."""
    click = 1.0
    samples = np.where(np.arange(2 * RATE) >= click * RATE, vowel(2.0, 200.0) + 0.4, 0.0)
    movie = write_movie_with_late_sound(tmp_path / f"video.{kind}", samples, late)
    heard = np.concatenate(list(AudioStream(movie).blocks()))
    first = int(np.argmax(np.abs(heard) > 0.2)) / RATE
    assert first == pytest.approx(click + late, abs=0.012)
    assert len(heard) / RATE == pytest.approx(2.0 + late, abs=0.15)


def test_a_recording_that_leaves_out_a_second_keeps_its_times(tmp_path: Path) -> None:
    path = tmp_path / "holes.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for first in (*range(0, RATE, 1600), *range(2 * RATE, 3 * RATE, 1600)):
            level = 20000 if first >= 2 * RATE else 0
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), level, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = RATE, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    heard = np.concatenate(list(AudioStream(path).blocks()))
    assert int(np.argmax(heard > 0.3)) / RATE == pytest.approx(2.0, abs=0.01)
