# SPDX-License-Identifier: GPL-3.0-or-later
"""The training set: hours of synthesised speech with the times of its sounds, in one folder.

Files of the folder:

audio.npy       int16, all utterances one after the other, 16 kHz
utterances.npy  (U, 2) first sample and number of samples
sounds.npy      utterance, letter (index into ``LETTERS``), start, end in seconds
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from bridge.errors import BadInput
from heat_backend.media import mel
from heat_backend.speech.phonemes import Sound, from_espeak, from_flite, from_segments
from heat_backend.speech.visemes import REST, VISEMES
from tools.speech_training import festival, flite
from tools.speech_training.espeak import espeak
from tools.speech_training.sentences import HELD_OUT_LANGUAGES, LANGUAGES, sentence

LETTERS = (REST.name, *sorted(VISEMES))
_VISEME = {REST.name: REST, **VISEMES}
SOUND = np.dtype([("utterance", "i4"), ("letter", "i2"), ("start", "f4"), ("end", "f4")])

VARIANTS = (
    *("", "", "", "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m5", "m7", "m8", "klatt"),
    *("klatt2", "klatt3", "klatt4", "Annie", "Andy", "Alex", "adam", "linda", "steph", "steph2"),
    *("steph3", "zac", "rob", "robert", "john", "ed", "edward", "gene", "lee", "Mike", "Michael"),
    *("Marco", "Mario", "Diogo", "Denis", "Hugo", "pablo", "pedro", "victor", "travis", "shelby"),
    *("quincy", "norbert", "max", "marcelo", "miguel", "iven", "iven2", "caleb", "boris", "croak"),
    *("benjamin", "belinda", "aunty", "anika", "grandma", "grandpa", "whisper", "whisperf"),
)
HELD_OUT_VARIANTS = ("f4", "m6", "klatt5", "klatt6", "paul", "Alicia", "Andrea", "Jacky", "david")
"""Voices that are held out for measuring."""
TRAINING_FLITE = ("slt", "rms", "awb", "slt", "rms")
HELD_OUT_FLITE = "kal16"
HELD_OUT_FLITE_SHARE = 0.2
SHARES = {"espeak-ng": 0.35, "flite": 0.2, "festival": 0.45}
"""Share of the training set that each synthesiser speaks."""
FESTIVAL_BATCH = 8  # utterances for each start of Festival, which takes longer than a sentence
SHORTEST, LONGEST = 0.8, 40.0  # seconds of a usable utterance: others are failures of a synthesiser


@dataclass(frozen=True, eq=False)
class Utterance:
    """Speech at 16 kHz, its sounds without gaps, and the name of its voice."""

    samples: NDArray[np.float32]
    sounds: tuple[Sound, ...]
    voice: str


def to_rate(samples: NDArray[np.floating], rate: int) -> NDArray[np.float32]:
    """Resample audio (N,) from ``rate`` to 16 kHz."""
    shared = gcd(rate, mel.RATE)
    if rate == mel.RATE:
        return np.asarray(samples, np.float32)
    out = resample_poly(samples.astype(np.float32), mel.RATE // shared, rate // shared)
    return np.asarray(out, np.float32)


def espeak_utterance(rng: np.random.Generator, held_out: bool = False) -> Utterance:
    """Speak a text in a random voice of espeak-ng, one that is never trained on if ``held_out``."""
    languages = (*HELD_OUT_LANGUAGES, "en-us", "de", "es") if held_out else LANGUAGES
    language = str(rng.choice(languages))
    variant = str(rng.choice(HELD_OUT_VARIANTS if held_out else VARIANTS))
    voice = f"{language}+{variant}" if variant else language
    spoken = espeak().say(
        sentence(language, rng),
        voice,
        speed=int(rng.integers(105, 235)),
        pitch=int(rng.integers(15, 85)),
        span=int(rng.integers(15, 90)),
    )
    sounds = from_espeak(spoken.events, len(spoken.samples) / spoken.rate)
    return Utterance(to_rate(spoken.samples, spoken.rate), tuple(sounds), voice)


def flite_utterance(rng: np.random.Generator, held_out: bool = False) -> Utterance:
    """Speak an English text in a random voice of flite."""
    voice = HELD_OUT_FLITE if held_out else str(rng.choice(TRAINING_FLITE))
    usual = {"slt": 170.0, "rms": 105.0, "awb": 130.0}.get(voice, 110.0)
    spoken = flite.say(
        sentence("en-us", rng),
        voice,
        stretch=float(rng.uniform(0.8, 1.35)),
        pitch=usual * float(rng.uniform(0.75, 1.35)),
    )
    return Utterance(
        to_rate(spoken.samples, spoken.rate), tuple(from_flite(spoken.segments)), voice
    )


def festival_utterances(rng: np.random.Generator) -> list[Utterance]:
    """Speak ``FESTIVAL_BATCH`` texts in a random voice of Festival."""
    shares = np.array([voice.share for voice in festival.VOICES])
    voice = festival.VOICES[int(rng.choice(len(shares), p=shares / shares.sum()))]
    texts = [sentence(voice.language, rng) for _ in range(FESTIVAL_BATCH)]
    return [
        Utterance(
            to_rate(spoken.samples, spoken.rate),
            tuple(from_segments(spoken.segments, voice.closure)),
            voice.name,
        )
        for spoken in festival.say(texts, voice, float(rng.uniform(0.8, 1.35)))
    ]


def _draw(rng: np.random.Generator, shares: Mapping[str, float]) -> list[Utterance]:
    # Festival is drawn less often, for it speaks several texts at once.
    odds = np.array([s / FESTIVAL_BATCH if name == "festival" else s for name, s in shares.items()])
    name = list(shares)[int(rng.choice(len(odds), p=odds / odds.sum()))]
    if name == "festival":
        return festival_utterances(rng)
    return [flite_utterance(rng) if name == "flite" else espeak_utterance(rng)]


def held_out_utterances(rng: np.random.Generator) -> Iterator[Utterance]:
    """Yield utterances without end, in voices that are never trained on."""
    while True:
        speak = flite_utterance if rng.random() < HELD_OUT_FLITE_SHARE else espeak_utterance
        with suppress(BadInput):  # a voice or text that this version cannot say
            yield from _usable([speak(rng, held_out=True)])


def utterances(
    rng: np.random.Generator, shares: Mapping[str, float] = SHARES
) -> Iterator[Utterance]:
    """Yield utterances without end, for training."""
    while True:
        with suppress(BadInput):
            yield from _usable(_draw(rng, shares))


def _usable(spoken: list[Utterance]) -> list[Utterance]:
    return [u for u in spoken if SHORTEST < len(u.samples) / mel.RATE < LONGEST and u.sounds]


def build(
    folder: Path,
    hours: float,
    seed: int,
    report: Callable[[str], None] = print,
    shares: Mapping[str, float] = SHARES,
) -> None:
    """Speak ``hours`` of training speech into ``folder``, ``shares`` of it by each synthesiser.

    Raises
    ------
    MissingHere
        A synthesiser is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    audio: list[NDArray[np.int16]] = []
    table: list[tuple[int, int]] = []
    rows: list[tuple[int, int, float, float]] = []
    total, wanted, reported = 0, int(hours * 3600 * mel.RATE), 0
    for utterance in utterances(rng, shares):
        index = len(table)
        peak = max(1e-4, float(np.abs(utterance.samples).max()))
        audio.append((utterance.samples * (0.7 / peak) * 32767.0).astype(np.int16))
        table.append((total, len(utterance.samples)))
        rows += [(index, LETTERS.index(s.viseme.name), s.start, s.end) for s in utterance.sounds]
        total += len(utterance.samples)
        if total * 20 // wanted > reported:
            reported = total * 20 // wanted
            report(f"spoken {total / mel.RATE / 3600:.2f} of {hours:g} hours")
        if total >= wanted:
            break
    np.save(folder / "audio.npy", np.concatenate(audio))
    np.save(folder / "utterances.npy", np.array(table, np.int64))
    np.save(folder / "sounds.npy", np.array(rows, SOUND))


class Corpus:
    """A training set on disk; its audio is memory-mapped.

    Raises
    ------
    BadInput
        There is none in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.audio = np.load(folder / "audio.npy", mmap_mode="r")
            self.table = np.load(folder / "utterances.npy")
            self._sounds = np.load(folder / "sounds.npy")
        except (OSError, ValueError) as error:
            raise BadInput(f"no training set in {folder}: run the training script") from error
        edges = np.arange(len(self.table) + 1)
        self._first = np.searchsorted(self._sounds["utterance"], edges)

    def __len__(self) -> int:
        return len(self.table)

    def samples(self, index: int) -> NDArray[np.float32]:
        """Return the audio of one utterance, -1..1."""
        first, count = self.table[index]
        return self.audio[first : first + count].astype(np.float32) / 32768.0

    def sounds(self, index: int) -> list[Sound]:
        """Return the sounds of one utterance."""
        rows = self._sounds[self._first[index] : self._first[index + 1]]
        return [
            Sound(_VISEME[LETTERS[r["letter"]]], float(r["start"]), float(r["end"])) for r in rows
        ]
