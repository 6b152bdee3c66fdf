# SPDX-License-Identifier: GPL-3.0-or-later
"""Training examples: crops of the corpus with pauses, augmented, in batches.

Batches are drawn by another process while the network is trained.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heat_backend.media import mel
from heat_backend.speech.coarticulation import targets
from heat_backend.speech.network import STEP
from heat_backend.speech.phonemes import Sound
from heat_backend.speech.visemes import REST
from tools.speech_training import augment
from tools.speech_training.corpus import Corpus

# Chances and ranges were set by scores on held-out voices and recorded speech, see MODEL_CARD.md.
SECONDS = 3.2  # of an example
SILENT_SHARE = 0.11  # of the examples hold no speech at all
SPEED_RANGE = (0.80, 1.25)
BACKGROUNDS, BACKGROUND_SECONDS = 48, 8
RENEW_EVERY = 3  # batches after which one background is replaced
AHEAD = 4  # batches drawn ahead of the training

_state: dict[str, object] = {}  # of the process that draws


class Backgrounds:
    """A stock of noises and music, from which each example takes a piece."""

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
    log_mel : (B, T, BANDS) float32
        Normalised.
    channels : (B, T/2, C) float32
    closure, speech : (B, T/2) float32
    kind : (B, T/2) int64
        Index into :data:`heat_backend.speech.visemes.CLASSES`.
    """

    log_mel: NDArray[np.float32]
    channels: NDArray[np.float32]
    closure: NDArray[np.float32]
    speech: NDArray[np.float32]
    kind: NDArray[np.int64]


def batch(
    corpus: Corpus, size: int, rng: np.random.Generator, backgrounds: Backgrounds | None
) -> Batch:
    """Draw ``size`` examples; without backgrounds they are not augmented."""
    drawn = [example(corpus, rng, backgrounds) for _ in range(size)]
    return Batch(*(np.stack(column) for column in zip(*drawn, strict=True)))


def example(
    corpus: Corpus, rng: np.random.Generator, backgrounds: Backgrounds | None
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Draw one example: a row of each field of :class:`Batch`."""
    clean = backgrounds is None
    frames = int(SECONDS * mel.RATE) // mel.HOP // STEP * STEP
    count = frames * mel.HOP
    silent = not clean and rng.random() < SILENT_SHARE
    if silent:
        wave, sounds = np.zeros(count, np.float32), [Sound(REST, 0.0, SECONDS)]
    else:
        wave, sounds = _speech(corpus, count, rng, clean)
    clean_level = mel.level(mel.log_mel(mel.padded(wave))[:frames])
    target = targets(sounds, frames, _loudness(clean_level, sounds))
    if backgrounds is not None:
        wave = _augmented(corpus, backgrounds, wave, silent, rng)
    log_mel = mel.log_mel(mel.padded(wave))[:frames]
    if not clean:
        log_mel = augment.mask_bands(augment.shift_formants(log_mel, rng), rng)
    reference = mel.measure_reference(log_mel, mel.level(log_mel))
    return (
        mel.normalised(log_mel, reference.bands),
        target.channels.reshape(-1, STEP, target.channels.shape[1]).mean(axis=1),
        target.closure.reshape(-1, STEP).mean(axis=1),
        target.speech.reshape(-1, STEP).mean(axis=1),
        target.kind[STEP - 1 :: STEP],
    )


def _speech(
    corpus: Corpus, count: int, rng: np.random.Generator, clean: bool
) -> tuple[NDArray[np.float32], list[Sound]]:
    """Utterances at a random speed with pauses around them, and their sounds."""
    factor = 1.0 if clean else float(np.exp(rng.uniform(*np.log(SPEED_RANGE))))
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
        wave[at : at + length] = augment.played_faster(samples, factor, length) * _gain(rng)
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


def _loudness(levels: NDArray[np.float32], sounds: list[Sound]) -> NDArray[np.floating]:
    """Level of each frame (T,) against the mean of the vowels, in their standard deviations."""
    time = np.arange(len(levels)) * (mel.HOP / mel.RATE)
    voiced = np.zeros(len(levels), bool)
    for sound in sounds:
        if sound.viseme.vowel:
            voiced |= (time >= sound.start) & (time < sound.end)
    if voiced.sum() < 5:
        return np.zeros(len(levels))
    spread = max(0.5, float(levels[voiced].std()))
    return (levels - float(levels[voiced].mean())) / spread


def _augmented(
    corpus: Corpus,
    backgrounds: Backgrounds,
    wave: NDArray[np.float32],
    silent: bool,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Put the voice into a room with noises and other voices, at a random level."""
    power = float(np.sqrt((wave**2).mean()))
    out = augment.room_and_microphone(wave, rng) if not silent else wave
    chance = rng.random()
    if silent:
        if chance < 0.85:
            out = out + 0.05 * backgrounds.piece(len(out), rng)
    elif chance < 0.75:
        decibel = rng.uniform(3.0, 45.0)
        out = out + power * 10.0 ** (-decibel / 20.0) * backgrounds.piece(len(out), rng)
    if not silent and rng.random() < 0.12:  # another voice in the background
        other = corpus.samples(int(rng.integers(len(corpus))))
        other = np.resize(other, len(out))
        loud = max(1e-6, float(np.sqrt((other**2).mean())))
        out = out + other * (power / loud * 10.0 ** (-rng.uniform(14.0, 28.0) / 20.0))
    out = augment.distort(out.astype(np.float32), rng)
    hiss = 10.0 ** (rng.uniform(-110.0, -70.0) / 20.0) if rng.random() < 0.7 else 0.0
    out = out + hiss * rng.standard_normal(len(out))
    return np.asarray(out * 10.0 ** (rng.uniform(-25.0, 0.0) / 20.0), np.float32)


def batches(folder: Path, size: int, seed: int, first: int = 0) -> Generator[Batch]:
    """Draw batches of ``size`` without end; each follows from ``seed`` and its number.

    Parameters
    ----------
    folder : Path
        Of the training set.
    size, seed : int
    first : int
        Number of the first batch.

    Raises
    ------
    BadInput
        There is no training set.
    """
    Corpus(folder)  # raises here what is wrong with it, not in the other process
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_open, initargs=(folder, seed)
    ) as pool:
        waiting: deque[Future[Batch]] = deque()
        number = first
        try:
            while True:
                while len(waiting) < AHEAD:
                    waiting.append(pool.submit(_draw, size, seed, number))
                    number += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _open(folder: Path, seed: int) -> None:
    _state["corpus"] = Corpus(folder)
    _state["backgrounds"] = Backgrounds(np.random.default_rng(seed))


def _draw(size: int, seed: int, number: int) -> Batch:
    corpus, backgrounds = _state["corpus"], _state["backgrounds"]
    assert isinstance(corpus, Corpus) and isinstance(backgrounds, Backgrounds)
    rng = np.random.default_rng((seed, number))
    if number % RENEW_EVERY == 0:
        backgrounds.renew(rng)
    return batch(corpus, size, rng, backgrounds)
