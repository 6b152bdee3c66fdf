# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets of the network: visemes, coarticulation, closures; and closures from probabilities."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from heat_backend.speech.coarticulation import RATE, Targets, targets
from heat_backend.speech.events import closure_spans, on_frames
from heat_backend.speech.lip_landmarks import opening
from heat_backend.speech.phonemes import Sound, from_espeak, from_flite, letters_of
from heat_backend.speech.visemes import CHANNEL, REST, VISEMES, to_expression
from tools.speech_training.scoring import score_closures


def spoken(word: str, each: float = 0.1, rest: float = 0.5) -> tuple[Targets, list[Sound]]:
    """The curves of a word of base letters between two rests."""
    sounds = [Sound(REST, 0.0, rest)]
    for letter in word:
        start = sounds[-1].end
        sounds.append(Sound(VISEMES[letter], start, start + each))
    sounds.append(Sound(REST, sounds[-1].end, sounds[-1].end + rest))
    return targets(sounds, int(sounds[-1].end * RATE)), sounds


def at(curves: Targets, second: float, channel: str) -> float:
    return float(curves.channels[round(second * RATE), CHANNEL[channel]])


@pytest.mark.parametrize("letter", "pbm")
@pytest.mark.parametrize("vowel", "aiuoæ")
def test_lips_meet_for_p_b_m_between_any_vowels(letter: str, vowel: str) -> None:
    curves, sounds = spoken(vowel + letter + vowel)
    wide = opening(to_expression(curves.channels))
    found = score_closures(wide, RATE, sounds)
    assert (found.wanted, found.reached) == (1, 1)
    assert found.median_error < 0.03
    assert wide[round(0.55 * RATE)] > 0.02


def test_open_vowels_are_wider_than_close_ones_and_consonants() -> None:
    wide = {v: opening(to_expression(spoken(f"t{v}t")[0].channels))[65] for v in "aɛi"}
    assert wide["a"] > wide["ɛ"] > wide["i"] > 0.01


def test_a_consonant_takes_the_rounding_of_its_vowels() -> None:
    rounded, spread = spoken("utu")[0], spoken("iti")[0]
    assert at(rounded, 0.65, "mouthPucker") > 0.25
    assert at(spread, 0.65, "mouthPucker") < 0.02


def test_rounding_begins_before_its_vowel() -> None:
    assert (
        at(spoken("asu")[0], 0.68, "mouthPucker") > at(spoken("asa")[0], 0.68, "mouthPucker") + 0.1
    )


@pytest.mark.parametrize(("letter", "least"), [("θ", 0.25), ("ð", 0.25), ("l", 0.1), ("n", 0.06)])
def test_the_tongue_shows_for_th_l_n(letter: str, least: float) -> None:
    assert at(spoken(f"a{letter}a")[0], 0.65, "tongueOut") > least
    assert at(spoken("aka")[0], 0.65, "tongueOut") < 0.02


def test_the_mouth_is_shut_in_a_long_rest() -> None:
    curves, _ = spoken("ama")
    assert not curves.channels[:30].any()
    assert not curves.channels[-20:].any()


def test_espeak_s_p_is_shut_before_its_burst() -> None:
    sounds = from_espeak([(0.0, "ɑː"), (0.30, "p"), (0.34, "ɑː"), (0.6, "_:")], 1.0)
    (closure,) = (s for s in sounds if s.viseme.closes_lips)
    assert closure.start == pytest.approx(0.25)
    assert 0.30 <= closure.end <= 0.31
    assert sounds[0].start == 0.0
    assert sounds[-1].end == 1.0
    for left, right in pairwise(sounds):
        assert right.start == pytest.approx(left.end)


def test_names_are_taken_apart() -> None:
    assert [v.name for v in letters_of("aɪ")] == ["a", "ɪ"]
    assert [v.name for v in letters_of("tʃʲ")] == ["t", "ʃ"]
    assert [v.name for v in letters_of("_:")] == ["_"]
    assert letters_of("(en)") == []
    kinds = [s.viseme.name for s in from_flite((("pau", 0.2), ("p", 0.3), ("aa", 0.5)))]
    assert kinds == ["_", "p", "h", "ɑ"]


def test_closures_are_found_and_none_falls_between_two_frames() -> None:
    probability = np.zeros(100)
    probability[20:24], probability[60], probability[80] = 0.9, 0.8, 0.05
    found = closure_spans(probability, 50.0, 0.005)
    assert len(found) == 2
    assert found[0][0] == pytest.approx(0.40, abs=0.02)
    assert found[0][1] == pytest.approx(0.47, abs=0.02)
    time = np.arange(24) / 12.0
    for start, end in on_frames(found, time):
        assert ((time >= start) & (time <= end)).any()
