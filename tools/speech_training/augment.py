# SPDX-License-Identifier: GPL-3.0-or-later
"""Data augmentation: what rooms, microphones, telephones, codecs and noise do to a voice.

Functions of audio take and return 16 kHz, (N,) float32; those of log-mel energies take and return
(T, BANDS) float32. The ranges are meant to cover recordings as people make them, from a studio to a
telephone in a car; they were chosen by listening.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from heat_backend.media.mel import RATE, centres

Array = NDArray[np.float32]
Random = np.random.Generator


def played_faster(samples: Array, factor: float, count: int) -> Array:
    """Return ``count`` samples, ``factor`` times as fast: pitch and formants scale with time."""
    at = np.arange(count) * factor
    return np.interp(at, np.arange(len(samples)), samples, right=0.0).astype(np.float32)


def room_and_microphone(samples: Array, rng: Random) -> Array:
    """Reverberate and equalise, in one filter, each by chance."""
    tail = int(RATE * rng.uniform(0.08, 0.6)) if rng.random() < 0.5 else 1
    size = next_fast_len(len(samples) + tail, real=True)
    spectrum = rfft(samples, size)
    if tail > 1:
        spectrum *= rfft(_impulse_response(tail, rng), size)
    if rng.random() < 0.75:
        spectrum *= _equalisation(len(spectrum), size, rng)
    return irfft(spectrum, size)[: len(samples)].astype(np.float32)


def _impulse_response(tail: int, rng: Random) -> Array:
    """Direct sound, then noise that decays by 60 dB over ``tail`` samples."""
    time = np.arange(tail) / tail
    wave = rng.standard_normal(tail) * 10.0 ** (-3.0 * time)
    wave[: int(0.002 * RATE)] = 0.0
    wave *= 10.0 ** (rng.uniform(-24.0, -3.0) / 20.0) / max(1e-6, float(np.sqrt((wave**2).sum())))
    wave[0] = 1.0
    return wave.astype(np.float32)


def _equalisation(bins: int, size: int, rng: Random) -> Array:
    """Draw a smooth gain (bins,) over frequency, at times of a narrow band as telephones have."""
    hertz = np.arange(bins) * (RATE / size)
    log_hertz = np.log(hertz + 30.0)
    knots = np.linspace(log_hertz[0], log_hertz[-1], 8)
    decibel = np.interp(log_hertz, knots, rng.normal(0.0, rng.uniform(1.0, 6.0), 8))
    if rng.random() < 0.45:  # 8 kHz audio, telephones, low bit rates
        decibel -= 0.02 * np.maximum(0.0, hertz - rng.choice([3300.0, 3900.0, 5000.0, 6200.0]))
    if rng.random() < 0.3:
        decibel -= 0.15 * np.maximum(0.0, rng.uniform(80.0, 320.0) - hertz)
    return (10.0 ** (np.maximum(decibel, -70.0) / 20.0)).astype(np.float32)


def noise(count: int, rng: Random) -> Array:
    """Return coloured noise, hum, tones or music, at unit power."""
    kind = rng.random()
    if kind < 0.35:
        wave = music(count, rng)
    elif kind < 0.45:
        wave = tones(count, rng)
    else:
        size = next_fast_len(count, real=True)
        bins = size // 2 + 1
        shape = np.maximum(1.0, np.arange(bins)) ** (-rng.uniform(0.0, 1.0))
        shape *= _equalisation(bins, size, rng)
        phase = rng.standard_normal(bins) + 1j * rng.standard_normal(bins)
        wave = irfft(phase * shape, size)[:count]
        if rng.random() < 0.3:
            time = np.arange(count) / RATE
            for harmonic in range(1, 6):
                wave += rng.random() * 0.3 * np.std(wave) * np.sin(314.16 * harmonic * time)
        if rng.random() < 0.3:  # wind, passing cars
            wave *= np.interp(np.arange(count), np.linspace(0, count, 9), rng.random(9) + 0.1)
    return _unit_power(wave)


def _unit_power(wave: NDArray[np.floating]) -> Array:
    return (wave / max(1e-6, float(np.std(wave)))).astype(np.float32)


def tones(count: int, rng: Random) -> Array:
    """Return steady, gliding or beeping tones, as of machines and sirens, at unit power."""
    time = np.arange(count) / RATE
    wave = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        hertz = float(np.exp(rng.uniform(np.log(60.0), np.log(4000.0))))
        glide = (
            hertz * rng.choice([0.0, 0.0, 0.02, 0.3]) * np.sin(6.28 * rng.uniform(0.1, 6) * time)
        )
        phase = 2.0 * np.pi * np.cumsum(hertz + glide) / RATE
        tone = np.sin(phase)
        for harmonic in range(2, int(rng.integers(2, 8))):
            if harmonic * hertz * 1.3 < 7500.0:
                tone += np.sin(harmonic * phase) / harmonic ** rng.uniform(0.3, 2.0)
        if rng.random() < 0.4:
            tone *= np.clip(4.0 * np.sin(6.28 * rng.uniform(0.3, 5.0) * time) + 1.0, 0.0, 1.0)
        wave += rng.uniform(0.2, 1.0) * tone
    wave += 10.0 ** rng.uniform(-4.0, -1.0) * rng.standard_normal(count)
    return _unit_power(wave)


def music(count: int, rng: Random) -> Array:
    """Return chords of decaying harmonics over drums, without song, at unit power."""
    wave = np.zeros(count)
    time = np.arange(count) / RATE
    beat = rng.uniform(0.25, 0.7)
    root = rng.uniform(80.0, 330.0)
    steps = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    at = rng.uniform(0.0, 0.2)
    while at < count / RATE:
        first = int(at * RATE)
        t = time[: count - first]
        held = rng.uniform(0.15, 1.5) * rng.choice([1.0, 1.0, 4.0])
        decay = np.exp(-t / held) * np.minimum(1.0, t / rng.uniform(0.004, 0.15))
        vibrato = 1.0 + 0.006 * rng.random() * np.sin(6.28 * rng.uniform(4.0, 7.0) * t)
        for step in rng.choice(steps, rng.integers(1, 4), replace=False):
            pitch = root * 2.0 ** (step / 12.0 + rng.integers(-1, 2))
            for harmonic in range(1, rng.integers(2, 9)):
                if harmonic * pitch < 7500.0:
                    tone = np.sin(2.0 * np.pi * harmonic * pitch * t * vibrato)
                    wave[first:] += decay * tone / harmonic ** rng.uniform(0.7, 1.6)
        if rng.random() < 0.5:
            hit = rng.standard_normal(len(t)) * np.exp(-t / rng.uniform(0.01, 0.1))
            wave[first:] += rng.uniform(0.2, 2.0) * hit
        at += beat * rng.choice([0.5, 1.0, 1.0, 2.0])
    return _unit_power(wave)


def distort(samples: Array, rng: Random) -> Array:
    """Clip, quantise, or gate as cheap recorders, telephones and noise suppressors do."""
    kind = rng.random()
    peak = max(1e-6, float(np.abs(samples).max()))
    if kind < 0.12:
        limit = peak * rng.uniform(0.15, 0.7)
        return np.clip(samples, -limit, limit)
    if kind < 0.2:
        drive = rng.uniform(1.5, 6.0)
        return np.tanh(samples / peak * drive).astype(np.float32)
    if kind < 0.3:  # mu-law, 8 bit
        scaled = samples / peak
        law = np.sign(scaled) * np.log1p(255.0 * np.abs(scaled)) / np.log(256.0)
        law = np.round(law * 127.0) / 127.0
        return (np.sign(law) * (256.0 ** np.abs(law) - 1.0) / 255.0 * peak).astype(np.float32)
    return samples


def mask_bands(log_mel: Array, rng: Random) -> Array:
    """Weaken weak bands, as codecs of low bit rate do, and mask a few bands (as SpecAugment).

    Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition"
    (2019).
    """
    out = log_mel.copy()
    if rng.random() < 0.15:
        top = out.max(axis=1, keepdims=True)
        weak = out < top - rng.uniform(5.0, 9.0)
        out[weak] -= rng.uniform(1.0, 4.0)
    if rng.random() < 0.3:
        width = int(rng.integers(1, 6))
        first = int(rng.integers(0, out.shape[1] - width))
        out[:, first : first + width] = out.mean()
    return out


def shift_formants(log_mel: Array, rng: Random) -> Array:
    """Shift the formants (vocal tract length), and compress or expand the level as recorders do."""
    out = log_mel
    if rng.random() < 0.6:
        hertz = centres()
        moved = hertz * np.exp(rng.uniform(-0.14, 0.14))
        band = np.interp(moved, hertz, np.arange(len(hertz)))
        left = np.minimum(band.astype(int), len(hertz) - 2)
        share = (band - left).astype(np.float32)
        out = out[:, left] * (1.0 - share) + out[:, left + 1] * share
    if rng.random() < 0.4:
        level = out.mean(axis=1, keepdims=True)
        out = out + np.float32(rng.uniform(-0.35, 0.2)) * (level - level.max())
    return out
