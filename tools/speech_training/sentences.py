# SPDX-License-Identifier: GPL-3.0-or-later
"""Random text to be synthesised: English from word lists of our own, and made-up words.

Made-up words in a language's letters bring every sound beside every other, which real text of this
length would not; they mean nothing and belong to nobody.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

WORDS = Path(__file__).with_name("words.json")
"""Words are separated by blanks; ``-`` in a list of letters stands for none."""
PLAIN = "plain"
"""Letters of sounds that all languages have."""
_SCRIPTS = {
    PLAIN: PLAIN,
    "el": "greek",
    "hi": "hindi",
    "ru": "cyrillic",
    "uk": "cyrillic",
    "bg": "cyrillic",
}
_HANGUL = 0xAC00, 19 * 21 * 28

LANGUAGES = (
    *("en-us", "en-us", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-us-nyc"),
    *("de", "de", "fr-be", "es", "es-419", "it", "pt-br", "pt", "pl", "cs", "hr", "ro", "hu"),
    *("sv", "nb", "da", "af", "tr", "id", "sw", "vi", "ca", "lv", "is", "eo", "la", "sq"),
    *("ru", "uk", "bg", "el", "ja", "ko", "hi", "cmn-latn-pinyin", "cmn-latn-pinyin"),
)
"""Languages of espeak-ng that training uses."""
HELD_OUT_LANGUAGES = ("nl", "fi", "sk", "et", "lt", "en-gb-x-gbclan")
"""Those that are held out for measuring."""


def sentence(language: str, rng: np.random.Generator) -> str:
    """Make up a text of one to three sentences.

    Parameters
    ----------
    language : str
        espeak-ng's name, which decides the letters.
    rng : numpy.random.Generator
    """
    parts = []
    for _ in range(rng.integers(1, 4)):
        english = language.startswith("en") and rng.random() < 0.75
        words = _english(rng) if english else _made_up(language, rng)
        for at in range(len(words) - 1):
            if rng.random() < 0.12:
                words[at] += ","
        parts.append(" ".join(words) + str(rng.choice([".", ".", ".", "?", "!"])))
    return " ".join(parts)


@lru_cache(maxsize=1)
def _words() -> dict[str, list[str]]:
    read = json.loads(WORDS.read_text("utf-8"))
    return {name: text.split() for name, text in read.items() if isinstance(text, str)}


@lru_cache(maxsize=1)
def _syllables() -> dict[str, list[list[str]]]:
    read = json.loads(WORDS.read_text("utf-8"))["syllables"]
    return {
        script: [["" if part == "-" else part for part in text.split()] for text in parts]
        for script, parts in read.items()
    }


def _english(rng: np.random.Generator) -> list[str]:
    def some(kind: str) -> str:
        return str(rng.choice(_words()[kind]))

    def thing() -> list[str]:
        middle = [some("adjectives")] if rng.random() < 0.6 else []
        return [some("little"), *middle, some("nouns")]

    words = [some("openers")] if rng.random() < 0.3 else []
    words += [*thing(), some("verbs"), *thing()]
    if rng.random() < 0.6:
        words += [some("links"), *thing()]
    if rng.random() < 0.3:
        words += [some("links"), *thing(), some("verbs"), *thing()]
    return words


def _made_up(language: str, rng: np.random.Generator) -> list[str]:
    return [_word(language, rng) for _ in range(rng.integers(3, 9))]


def _word(language: str, rng: np.random.Generator) -> str:
    count = int(rng.choice([1, 2, 2, 3, 3, 4]))
    if language == "ja":
        return "".join(rng.choice(_words()["kana"], count + 1))
    if language == "ko":
        first, many = _HANGUL
        return "".join(chr(first + int(i)) for i in rng.integers(0, many, count))
    script = "pinyin" if "pinyin" in language else _SCRIPTS.get(language, "latin")
    parts = _syllables()[script]
    return "".join(str(rng.choice(choices)) for _ in range(count) for choices in parts)
