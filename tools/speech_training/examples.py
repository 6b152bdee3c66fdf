# SPDX-License-Identifier: GPL-3.0-or-later
"""Training examples: crops of the corpus, pauses put in, spoilt as real recordings are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heat_backend.media import mel
from heat_backend.speech.coarticulation import targets
from heat_backend.speech.network import STEP
from heat_backend.speech.phonemes import Sound
from heat_backend.speech.visemes import REST
from tools.speech_training import augment
from tools.speech_training.corpus import Corpus

SECONDS = 3.2
SILENT_SHARE = 0.11  # of the examples hold no speech at all
FASTER = (0.80, 1.25)


BACKGROUNDS, BACKGROUND_SECONDS = 48, 8


class Backgrounds:
    """A stock of noises and music, of which each example takes a piece."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._waves = [_background(rng) for _ in range(BACKGROUNDS)]

    def renew(self, rng: np.random.Generator) -> None:
        """Replace one of them."""
        self._waves[int(rng.integers(len(self._waves)))] = _background(rng)

    def piece(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return ``count`` samples of about unit power."""
        wave = self._waves[int(rng.integers(len(self._waves)))]
        first = int(rng.integers(0, len(wave) - count))
        piece = wave[first : first + count]
        return piece[::-1] if rng.random() < 0.3 else piece


def _background(rng: np.random.Generator) -> NDArray[np.float32]:
    return augment.noise(BACKGROUND_SECONDS * mel.RATE, rng)


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples for one step of training.

    Attributes
    ----------
    heard : (B, T, BANDS) float32
    channels : (B, T/2, C) float32
    shut, speech : (B, T/2) float32
    kind : (B, T/2) int64
    """

    heard: NDArray[np.float32]
    channels: NDArray[np.float32]
    shut: NDArray[np.float32]
    speech: NDArray[np.float32]
    kind: NDArray[np.int64]


def batch(
    corpus: Corpus, size: int, rng: np.random.Generator, backgrounds: Backgrounds | None
) -> Batch:
    """Draw ``size`` examples; without backgrounds they are left as they were spoken."""
    drawn = [example(corpus, rng, backgrounds) for _ in range(size)]
    return Batch(*(np.stack(column) for column in zip(*drawn, strict=True)))


def example(
    corpus: Corpus, rng: np.random.Generator, backgrounds: Backgrounds | None
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Draw one example: log-mel, channels, shut, speech, kind."""
    clean = backgrounds is None
    frames = int(SECONDS * mel.RATE) // mel.HOP // STEP * STEP
    count = frames * mel.HOP
    silent = not clean and rng.random() < SILENT_SHARE
    if silent:
        wave, sounds = np.zeros(count, np.float32), [Sound(REST, 0.0, SECONDS)]
    else:
        wave, sounds = _speech(corpus, count, rng, clean)
    quiet = mel.log_mel(mel.padded(wave))[:frames]
    aims = targets(sounds, frames, _loudness(mel.level(quiet), sounds))
    if backgrounds is not None:
        wave = _spoilt(corpus, backgrounds, wave, silent, rng)
    heard = mel.log_mel(mel.padded(wave))[:frames]
    if not clean:
        heard = augment.holes(augment.another_throat(heard, rng), rng)
    against = mel.ground(heard, mel.level(heard))
    return (
        mel.levelled(heard, against.bands),
        aims.channels.reshape(-1, STEP, aims.channels.shape[1]).mean(axis=1),
        aims.shut.reshape(-1, STEP).mean(axis=1),
        aims.speech.reshape(-1, STEP).mean(axis=1),
        aims.kind[STEP - 1 :: STEP],
    )


def _speech(
    corpus: Corpus, count: int, rng: np.random.Generator, clean: bool
) -> tuple[NDArray[np.float32], list[Sound]]:
    """Take a crop at a random speed, with pauses before, between and after utterances."""
    factor = 1.0 if clean else float(np.exp(rng.uniform(*np.log(FASTER))))
    wave = np.zeros(count, np.float32)
    sounds: list[Sound] = []
    at = 0
    if rng.random() < 0.35:
        at = int(rng.uniform(0.1, 1.2) * mel.RATE)
        sounds.append(Sound(REST, 0.0, at / mel.RATE))
    while at < count:
        index = int(rng.integers(len(corpus)))
        samples = corpus.samples(index)
        skip = 0.0
        if at == 0:  # begin anywhere
            skip = float(rng.uniform(0.0, max(0.0, len(samples) / mel.RATE - 1.0)))
        samples = samples[int(skip * mel.RATE) :]
        length = min(count - at, int(len(samples) / factor))
        wave[at : at + length] = augment.played_at(samples, factor, length) * _gain(rng)
        shift = at / mel.RATE - skip / factor
        begin, end = at / mel.RATE, (at + length) / mel.RATE
        moved = (s.moved(shift, factor) for s in corpus.sounds(index))
        kept = [s for s in moved if s.end > begin and s.start < end]
        sounds += [Sound(s.viseme, max(s.start, begin), min(s.end, end)) for s in kept]
        at += length
        pause = int(rng.uniform(0.1, 1.2) * mel.RATE)
        sounds.append(Sound(REST, at / mel.RATE, (at + pause) / mel.RATE))
        at += pause
    return wave, sounds


def _gain(rng: np.random.Generator) -> np.float32:
    return np.float32(10.0 ** (rng.uniform(-6.0, 0.0) / 20.0))


def _loudness(levels: NDArray[np.float32], sounds: list[Sound]) -> NDArray[np.float64]:
    """Level of each frame against that of the vowels, in units of their spread."""
    time = np.arange(len(levels)) * (mel.HOP / mel.RATE)
    voiced = np.zeros(len(levels), bool)
    for sound in sounds:
        if sound.viseme.vowel:
            voiced |= (time >= sound.start) & (time < sound.end)
    if voiced.sum() < 5:
        return np.zeros(len(levels))
    spread = max(0.5, float(levels[voiced].std()))
    return (levels - float(levels[voiced].mean())) / spread


def _spoilt(
    corpus: Corpus,
    backgrounds: Backgrounds,
    wave: NDArray[np.float32],
    silent: bool,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    power = float(np.sqrt((wave**2).mean()))
    out = augment.room_and_microphone(wave, rng) if not silent else wave
    chance = rng.random()
    if silent:
        if chance < 0.85:
            out = out + 0.05 * backgrounds.piece(len(out), rng)
    elif chance < 0.75:
        decibel = rng.uniform(3.0, 45.0)
        out = out + power * 10.0 ** (-decibel / 20.0) * backgrounds.piece(len(out), rng)
    if not silent and rng.random() < 0.12:  # somebody else, far away
        other = corpus.samples(int(rng.integers(len(corpus))))
        other = np.resize(other, len(out))
        loud = max(1e-6, float(np.sqrt((other**2).mean())))
        out = out + other * (power / loud * 10.0 ** (-rng.uniform(14.0, 28.0) / 20.0))
    out = augment.coded(out.astype(np.float32), rng)
    hiss = 10.0 ** (rng.uniform(-110.0, -70.0) / 20.0) if rng.random() < 0.7 else 0.0
    out = out + hiss * rng.standard_normal(len(out))
    return np.asarray(out * 10.0 ** (rng.uniform(-25.0, 0.0) / 20.0), np.float32)
