# SPDX-License-Identifier: GPL-3.0-or-later
"""Timed sounds: names of synthesisers (IPA, ARPAbet) taken apart into base letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from heat_backend.speech.visemes import REST, VISEMES, Viseme

CLOSURE_BEFORE_BURST = 0.05
"""Seconds that the silent closure of p, t, k lasts before espeak-ng's event, which is the burst."""
BURST = 0.005
SHORT_STOP, WHOLE_STOP = 0.04, 0.055
"""A b, d or g that espeak-ng tells to last less than the former is only its end, as before r and l
and after consonants: the waveform is silent before the event. It is given the latter in all."""
BREATHED_CLOSED, PLAIN_CLOSED = 0.62, 0.85
"""Share of a p's segment that is closure, in English and in languages whose p is not breathed;
the rest is burst and breath. Read off the waveforms of flite and Festival."""

ARPABET: dict[str, str] = {
    **dict(aa="ɑ", ae="æ", ah="ʌ", ao="ɔ", aw="aʊ", ax="ə", ay="aɪ", eh="ɛ", er="ɜ", ey="eɪ"),
    **dict(ih="ɪ", iy="i", ow="oʊ", oy="ɔɪ", uh="ʊ", uw="u", b="b", ch="tʃ", d="d", dh="ð"),
    **dict(f="f", g="ɡ", hh="h", jh="dʒ", k="k", l="l", m="m", n="n", ng="ŋ", p="p", r="ɹ"),
    **dict(s="s", sh="ʃ", t="t", th="θ", v="v", w="w", y="j", z="z", zh="ʒ", pau="_"),
}


@dataclass(frozen=True)
class Sound:
    """One viseme's stretch of time.

    Attributes
    ----------
    viseme : Viseme
    start, end : float
        Seconds.
    """

    viseme: Viseme
    start: float
    end: float

    def moved(self, seconds: float, factor: float = 1.0) -> Sound:
        """Return it played ``factor`` times as fast and then later by ``seconds``."""
        return Sound(self.viseme, self.start / factor + seconds, self.end / factor + seconds)


def letters_of(name: str) -> list[Viseme]:
    """Take an IPA name into the visemes it runs through; empty where it says nothing."""
    if name.startswith("("):  # a switch of language
        return []
    if name.startswith("_"):
        return [REST]
    plain = unicodedata.normalize("NFC", name)
    found = [VISEMES[letter] for letter in plain if letter in VISEMES]
    return [v for i, v in enumerate(found) if i == 0 or v.name != found[i - 1].name]


def from_espeak(events: Sequence[tuple[float, str]], end: float) -> list[Sound]:
    """Turn espeak-ng's phoneme events into sounds that cover 0 to ``end``.

    Parameters
    ----------
    events : sequence of (second, IPA name)
        Each name begins at its second and lasts until the next.
    end : float
        Length of the audio, seconds.

    Returns
    -------
    list of Sound
        Without gaps; the closure of p, t and k is moved before its event, where it is.
    """
    kept = [(at, letters_of(name)) for at, name in events]
    kept = [(at, letters) for at, letters in kept if letters]
    sounds: list[Sound] = []
    edges = [at for at, _ in kept[1:]] + [end]
    for (start, letters), stop in zip(kept, edges, strict=True):
        sounds += _split(letters, start, max(stop, start))
    return _covering(_closures_before_bursts(_whole_stops(sounds)), end)


def from_flite(segments: Sequence[tuple[str, float]]) -> list[Sound]:
    """Turn flite's segments (ARPAbet name, second of its end) into sounds without gaps."""
    return from_segments([(ARPABET.get(name, "ə"), end) for name, end in segments])


def from_segments(
    segments: Sequence[tuple[str, float]], closed: float = BREATHED_CLOSED
) -> list[Sound]:
    """Turn segments (IPA name, second of its end) into sounds without gaps.

    Parameters
    ----------
    segments : sequence of (str, float)
    closed : float
        Share of a p in which the lips are together.
    """
    sounds: list[Sound] = []
    start = 0.0
    for name, end in segments:
        letters = letters_of(name)
        if name == "p":
            cut = start + closed * (end - start)
            sounds += [Sound(letters[0], start, cut), Sound(VISEMES["h"], cut, end)]
        elif letters:
            sounds += _split(letters, start, end)
        start = end
    return sounds


def _split(letters: list[Viseme], start: float, end: float) -> list[Sound]:
    # The first part of a diphthong or affricate is the longer one.
    shares = [0.55] + [0.45] * (len(letters) - 1)
    out, at = [], start
    for viseme, share in zip(letters, shares, strict=True):
        stop = at + share / sum(shares) * (end - start)
        out.append(Sound(viseme, at, stop))
        at = stop
    return out


def _whole_stops(sounds: list[Sound]) -> list[Sound]:
    out: list[Sound] = []
    for sound in sounds:
        start = sound.start
        if sound.viseme.name in ("b", "d", "ɡ") and sound.end - sound.start < SHORT_STOP:
            start = max(sound.end - WHOLE_STOP, 0.0)
            if out:  # what came before keeps half of its time
                last = out[-1]
                start = min(sound.start, max(start, 0.5 * (last.start + last.end)))
                out[-1] = Sound(last.viseme, last.start, min(last.end, start))
        out.append(Sound(sound.viseme, start, sound.end))
    return out


def _closures_before_bursts(sounds: list[Sound]) -> list[Sound]:
    out: list[Sound] = []
    for sound in sounds:
        if sound.viseme.name not in ("p", "t", "k"):
            out.append(sound)
            continue
        shut = max(sound.start - CLOSURE_BEFORE_BURST, 0.0)
        if out:  # what came before keeps half of its time
            last = out[-1]
            shut = max(shut, 0.5 * (last.start + last.end))
            out[-1] = Sound(last.viseme, last.start, min(last.end, shut))
        burst = min(sound.start + BURST, sound.end)
        out.append(Sound(sound.viseme, shut, burst))
        if sound.end > burst:
            out.append(Sound(VISEMES["h"], burst, sound.end))
    return out


def _covering(sounds: list[Sound], end: float) -> list[Sound]:
    out: list[Sound] = []
    at = 0.0
    for sound in sounds:
        if sound.start > at + 1e-6:
            out.append(Sound(REST, at, sound.start))
        out.append(sound)
        at = max(at, sound.end)
    if end > at + 1e-6:
        out.append(Sound(REST, at, end))
    return [s for s in out if s.end > s.start]
