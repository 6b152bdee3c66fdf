# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds as files: speech from espeak-ng where it is, and everything that goes wrong."""

from __future__ import annotations

import ctypes.util
import shutil
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from heat_backend.speech.phonemes import Sound, from_espeak
from tools.speech_training.corpus import to_rate
from tools.speech_training.espeak import espeak

RATE = 16000
KIT = Path(__file__).resolve().parents[3] / "shared" / "data"

needs_espeak = pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None, reason="needs libespeak-ng (espeak-ng)"
)
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="needs flite")


def write_wave(path: Path, samples: NDArray[np.floating], rate: int = RATE) -> Path:
    """Write 16-bit audio, (N,) or (N, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return path


def write_float_wave(path: Path, samples: NDArray[np.floating], rate: int = RATE) -> Path:
    """Write mono 32-bit float audio, which may hold what is not a number."""
    body = np.asarray(samples, "<f4").tobytes()
    head = b"WAVEfmt " + np.array([16], "<u4").tobytes() + np.array([3, 1], "<u2").tobytes()
    head += np.array([rate, rate * 4], "<u4").tobytes() + np.array([4, 32], "<u2").tobytes()
    data = b"data" + np.array([len(body)], "<u4").tobytes() + body
    path.write_bytes(b"RIFF" + np.array([len(head) + len(data)], "<u4").tobytes() + head + data)
    return path


def encode(path: Path, samples: NDArray[np.floating], codec: str, layout: str, rate: int) -> Path:
    """Write (channels, N) float audio with one of FFmpeg's codecs."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32), "fltp", layout)
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 1024
        fifo = av.AudioFifo()
        for ready in resampler.resample(frame):
            ready.pts = None
            fifo.write(ready)
        while (piece := fifo.read(size, True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def write_silent_movie(path: Path) -> Path:
    """Write half a second of picture without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(12):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_movie_with_late_sound(path: Path, samples: NDArray[np.floating], late: float) -> Path:
    """Write a picture of three seconds whose sound begins ``late`` seconds after it, or before."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        assert isinstance(sound, av.AudioStream)
        for number in range(75):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            picture.pts, picture.time_base = number + round(25 * max(0.0, -late)), Fraction(1, 25)
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        for first in range(0, len(samples) - 1023, 1024):
            block = samples[None, first : first + 1024].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
            frame.sample_rate, frame.pts = RATE, first + round(max(0.0, late) * RATE)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def sentence() -> tuple[NDArray[np.float32], list[Sound]]:
    """A sentence in a held-out voice, and its sounds."""
    speech = espeak().say(
        "Papa bought five thin shoes for the big brown bear. Many people move from one warm room "
        "to another, maybe by boat.",
        "en-us+f4",
    )
    seconds = len(speech.samples) / speech.rate
    return to_rate(speech.samples, speech.rate), from_espeak(speech.events, seconds)


def vowel(seconds: float, pitch: float = 120.0, seed: int = 0) -> NDArray[np.float32]:
    """A buzzing voice that says something like a, in syllables."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    wave_ = np.zeros(len(time))
    for harmonic in range(1, 30):
        hertz = harmonic * pitch
        gain = sum(np.exp(-(((hertz - f) / 120.0) ** 2)) for f in (730.0, 1090.0, 2440.0)) + 0.02
        wave_ += gain * np.sin(2.0 * np.pi * hertz * time + rng.uniform(0, 6.28))
    syllables = np.clip(np.sin(2.0 * np.pi * 3.5 * time) + 0.3, 0.0, 1.0)
    wave_ *= syllables / np.abs(wave_).max()
    return (0.5 * wave_).astype(np.float32)
