# SPDX-License-Identifier: GPL-3.0-or-later
"""Festival's voices: their sounds come as visemes, and what they cannot say is left out."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from bridge.errors import MissingHere
from heat_backend.speech.phonemes import from_segments, letters_of
from tools.speech_training import festival
from tools.speech_training.corpus import HELD_OUT_FLITE

needs_festival = pytest.mark.skipif(shutil.which("festival") is None, reason="needs festival")


def test_every_sound_of_a_voice_is_a_viseme() -> None:
    for voice in festival.VOICES:
        for name in voice.letters:
            assert letters_of(festival.ipa_of(voice, name)), (voice.name, name)
        kinds = {letters_of(festival.ipa_of(voice, name))[0].kind for name in ("p", "m", "n", "#")}
        assert kinds == {"bilabial", "alveolar", "rest"}, voice.name


def test_a_long_sound_is_the_same_sound() -> None:
    finnish = next(v for v in festival.VOICES if v.name == "suo_fi_lj_diphone")
    assert festival.ipa_of(finnish, "m:") == festival.ipa_of(finnish, "m") == "m"


def test_an_unaspirated_p_is_closed_for_longer() -> None:
    def closed_seconds(share: float) -> float:
        sounds = from_segments((("_", 0.1), ("p", 0.2), ("a", 0.3)), share)
        return sum(s.end - s.start for s in sounds if s.viseme.closes_lips)

    italian = next(v for v in festival.VOICES if v.name == "lp_diphone")
    english = next(v for v in festival.VOICES if v.name == "ked_diphone")
    assert closed_seconds(italian.closure) > closed_seconds(english.closure) + 0.02


def test_the_held_out_speaker_is_not_trained_on() -> None:
    assert HELD_OUT_FLITE == "kal16"
    assert not any("kal" in voice.name for voice in festival.VOICES)


def test_a_text_whose_sounds_the_voice_lacks_is_left_out() -> None:
    log = "== text 0\nfine\n== text 1\nUniSyn: using default diphone #-# for w-w\n== text 2\n"
    assert festival.texts_lacking_sounds(log) == {1}


@needs_festival
def test_a_voice_speaks_and_tells_when_each_sound_ends() -> None:
    voice = festival.VOICES[0]
    try:
        said = festival.say(["Mama buys a map.", "People sing."], voice)
    except MissingHere as error:
        pytest.skip(str(error))
    assert len(said) == 2
    ends = np.array([end for _, end in said[0].segments])
    assert (np.diff(ends) > 0.0).all()
    assert ends[-1] == pytest.approx(len(said[0].samples) / said[0].rate, abs=0.1)
    assert [name for name, _ in said[0].segments].count("m") == 3
