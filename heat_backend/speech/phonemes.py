# SPDX-License-Identifier: GPL-3.0-or-later
"""Timed visemes from the phonemes of speech synthesisers (IPA and ARPAbet names)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from heat_backend.speech.visemes import REST, VISEMES, Viseme

CLOSURE_BEFORE_BURST = 0.05
"""Seconds that the silent closure of p, t, k lasts before espeak-ng's event, which is the burst;
read off its waveforms, as are the next three."""
BURST = 0.005
"""Seconds after the event that still belong to the closure."""
SHORT_STOP, WHOLE_STOP = 0.04, 0.055
"""Seconds. A b, d or g whose event lasts less than the former is only its end, as before r and l
and after consonants: the waveform is silent before the event. It is given the latter in all."""
ASPIRATED_CLOSURE, UNASPIRATED_CLOSURE = 0.62, 0.85
"""Share of a p's segment that is closure, in English and in languages whose p is not aspirated;
the rest is burst and aspiration. Read off the waveforms of flite and Festival."""

ARPABET: dict[str, str] = {
    **dict(aa="ɑ", ae="æ", ah="ʌ", ao="ɔ", aw="aʊ", ax="ə", ay="aɪ", eh="ɛ", er="ɜ", ey="eɪ"),
    **dict(ih="ɪ", iy="i", ow="oʊ", oy="ɔɪ", uh="ʊ", uw="u", b="b", ch="tʃ", d="d", dh="ð"),
    **dict(f="f", g="ɡ", hh="h", jh="dʒ", k="k", l="l", m="m", n="n", ng="ŋ", p="p", r="ɹ"),
    **dict(s="s", sh="ʃ", t="t", th="θ", v="v", w="w", y="j", z="z", zh="ʒ", pau="_"),
}


@dataclass(frozen=True)
class Sound:
    """A viseme and its stretch of time.

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
    """Split an IPA name into the visemes it runs through; empty where it stands for no sound."""
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
    return _covering(_closures_before_bursts(_lengthen_short_stops(sounds)), end)


def from_flite(segments: Sequence[tuple[str, float]]) -> list[Sound]:
    """Turn flite's segments (ARPAbet name, second of its end) into sounds without gaps."""
    return from_segments([(ARPABET.get(name, "ə"), end) for name, end in segments])


def from_segments(
    segments: Sequence[tuple[str, float]], closure: float = ASPIRATED_CLOSURE
) -> list[Sound]:
    """Turn segments (IPA name, second of its end) into sounds without gaps.

    Parameters
    ----------
    segments : sequence of (str, float)
    closure : float
        Share of a p in which the lips are together.
    """
    sounds: list[Sound] = []
    start = 0.0
    for name, end in segments:
        letters = letters_of(name)
        if name == "p":
            cut = start + closure * (end - start)
            sounds += [Sound(letters[0], start, cut), Sound(VISEMES["h"], cut, end)]
        elif letters:
            sounds += _split(letters, start, end)
        start = end
    return sounds


def _split(letters: list[Viseme], start: float, end: float) -> list[Sound]:
    """Divide a diphthong or affricate, whose first part is the longer one."""
    shares = [0.55] + [0.45] * (len(letters) - 1)
    out, at = [], start
    for viseme, share in zip(letters, shares, strict=True):
        stop = at + share / sum(shares) * (end - start)
        out.append(Sound(viseme, at, stop))
        at = stop
    return out


def _lengthen_short_stops(sounds: list[Sound]) -> list[Sound]:
    """Begin each b, d or g that is only its end ``WHOLE_STOP`` before its end."""
    out: list[Sound] = []
    for sound in sounds:
        start = sound.start
        if sound.viseme.name in ("b", "d", "ɡ") and sound.end - start < SHORT_STOP:
            start = min(start, _take_from_previous(out, sound.end - WHOLE_STOP))
        out.append(Sound(sound.viseme, start, sound.end))
    return out


def _take_from_previous(sounds: list[Sound], start: float) -> float:
    """Cut the last of ``sounds`` to end at ``start``, or at its half; return where it ends."""
    start = max(start, 0.0)
    if sounds:
        last = sounds[-1]
        start = max(start, 0.5 * (last.start + last.end))
        sounds[-1] = Sound(last.viseme, last.start, min(last.end, start))
    return start


def _closures_before_bursts(sounds: list[Sound]) -> list[Sound]:
    """Begin each p, t and k before its burst; what follows the burst is aspiration, an h."""
    out: list[Sound] = []
    for sound in sounds:
        if sound.viseme.name not in ("p", "t", "k"):
            out.append(sound)
            continue
        start = _take_from_previous(out, sound.start - CLOSURE_BEFORE_BURST)
        burst = min(sound.start + BURST, sound.end)
        out.append(Sound(sound.viseme, start, burst))
        if sound.end > burst:
            out.append(Sound(VISEMES["h"], burst, sound.end))
    return out


def _covering(sounds: list[Sound], end: float) -> list[Sound]:
    """Fill what is left of 0 to ``end`` with rest."""
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
