# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie's sound: heard with the frame it belongs to, as long as the pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from bridge.errors import BadInput
from heat_backend.cli.main import main
from heat_backend.export.run import ExportResult
from heat_backend.export.sound import Sound, check_sound
from heat_backend.export.write_errors import Occupied
from tests.export.conftest import make_clip
from tests.speech.sounds import vowel, write_movie_with_late_sound

Run = Callable[..., ExportResult]
RATE = 16000
CLICK = 1.0  # second at which the tone begins


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """Two seconds: silence, then a tone."""
    at = np.arange(2 * RATE) / RATE
    wave = (np.sin(2 * np.pi * 440 * at) * (at >= CLICK) * 20000).astype(np.int16)
    path = tmp_path / "tone.wav"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.sample_rate = RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def heard(movie: Path) -> tuple[np.ndarray, int]:
    with av.open(str(movie)) as file:
        frames = list(file.decode(audio=0))
        start = float(frames[0].time or 0.0)
        wave = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        rate = frames[0].sample_rate
    return wave[max(0, round(-start * rate)) :], rate


def onset(movie: Path) -> float:
    wave, rate = heard(movie)
    return float(np.flatnonzero(np.abs(wave) > 0.1)[0]) / rate


def test_the_sound_stands_where_the_frames_do(tmp_path: Path, run_export: Run, tone: Path) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(50), sound=Sound(tone))
    assert onset(out) == pytest.approx(CLICK, abs=0.03)
    wave, rate = heard(out)
    assert len(wave) / rate == pytest.approx(2.0, abs=0.06)


def test_a_part_of_the_clip_takes_its_part_of_the_sound(
    tmp_path: Path, run_export: Run, tone: Path
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(50), frames=range(15, 40), sound=Sound(tone))
    assert onset(out) == pytest.approx(CLICK - 15 / 25, abs=0.03)
    wave, rate = heard(out)
    assert len(wave) / rate == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("late", [-0.6, 0.8])
def test_a_videos_own_sound_stays_with_its_first_picture(
    tmp_path: Path, run_export: Run, late: float
) -> None:
    samples = np.where(np.arange(2 * RATE) >= CLICK * RATE, vowel(2.0) + 0.4, 0.0)
    video = write_movie_with_late_sound(tmp_path / "video.mp4", samples, late)
    run_export(tmp_path / "a.mp4", make_clip(50), sound=Sound(video))
    assert onset(tmp_path / "a.mp4") == pytest.approx(CLICK + late, abs=0.03)


def test_a_short_sound_leaves_the_rest_silent_and_all_frames(
    tmp_path: Path, run_export: Run, tone: Path
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(100), sound=Sound(tone))
    with av.open(str(out)) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 100


def test_the_same_frames_with_another_sound_are_another_movie(
    tmp_path: Path, run_export: Run, tone: Path
) -> None:
    out = tmp_path / "a.mp4"
    run_export(out, make_clip(10), sound=Sound(tone))
    with pytest.raises(Occupied):
        run_export(out, make_clip(10), resume=True, sound=Sound(tone, start=0.5))
    assert run_export(out, make_clip(10), resume=True, sound=Sound(tone)).rendered == 0


def test_what_has_no_sound_is_reported_before_rendering(tmp_path: Path) -> None:
    text = tmp_path / "voice.wav"
    text.write_text("not a sound")
    with pytest.raises(BadInput, match="cannot be read"):
        check_sound(text)


def test_sound_for_png_files_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["--portrait", "x.png", "--motion", "y.npz", "--out", str(tmp_path / "frames")]
    assert main(["render", *arguments, "--audio", "z.wav"]) == 2
    assert "needs a movie" in capsys.readouterr().err
