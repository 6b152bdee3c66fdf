# SPDX-License-Identifier: GPL-3.0-or-later
"""The channels of the mouth, and the viseme of each sound: its targets and dominances.

A channel is one of the 52 expressions, or both sides of a pair. A viseme aims each channel at a
target with a dominance (Cohen and Massaro 1993, see :mod:`heat_backend.speech.coarticulation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_COUNT, EXPRESSION_INDEX

CHANNELS: tuple[str, ...] = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthPress",
    "mouthShrugLower",
    "mouthLowerDown",
    "mouthUpperUp",
    "mouthSmile",
    "mouthStretch",
    "tongueOut",
)
"""Names of expressions, without Left and Right where a pair moves together."""

CHANNEL: dict[str, int] = {name: i for i, name in enumerate(CHANNELS)}
COUNT = len(CHANNELS)

LIP_PARTING = tuple(CHANNEL[n] for n in ("mouthLowerDown", "mouthUpperUp", "mouthStretch"))
"""Channels that draw the lips apart, which are 0 while the lips are closed."""


def expression_columns(name: str) -> tuple[int, ...]:
    """Return the indices into the 52 expressions of a channel."""
    if name in EXPRESSION_INDEX:
        return (EXPRESSION_INDEX[name],)
    return EXPRESSION_INDEX[f"{name}Left"], EXPRESSION_INDEX[f"{name}Right"]


def to_expression(channels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Spread channels over the 52 expressions.

    Parameters
    ----------
    channels : (T, C) float
        In the order of ``CHANNELS``.

    Returns
    -------
    (T, 52) float32
        Zero where speech moves nothing.
    """
    out = np.zeros((len(channels), EXPRESSION_COUNT), np.float32)
    for i, name in enumerate(CHANNELS):
        for column in expression_columns(name):
            out[:, column] = channels[:, i]
    return out


GROUPS: dict[str, tuple[str, ...]] = {
    "jaw": ("jawOpen", "mouthClose"),
    "part": ("mouthLowerDown", "mouthUpperUp"),
    "seal": ("mouthRollLower", "mouthRollUpper", "mouthPress", "mouthShrugLower"),
    "round": ("mouthFunnel", "mouthPucker"),
    "spread": ("mouthSmile", "mouthStretch"),
    "tongue": ("tongueOut",),
}

# Dominance over the groups jaw, part, seal, round, spread, tongue. Large where the sound cannot be
# made otherwise (lips of p, tongue of th), small where its neighbours decide (lips of k, h). Tuned
# by eye on rendered sentences.
DOMINANCE: dict[str, tuple[float, float, float, float, float, float]] = {
    "vowel": (1.3, 1.2, 1.0, 1.0, 1.0, 0.6),
    "weak": (0.6, 0.6, 0.8, 0.5, 0.5, 0.5),
    "bilabial": (0.9, 1.2, 3.0, 0.25, 0.3, 0.6),
    "labiodental": (1.4, 1.5, 3.0, 0.35, 0.4, 0.8),
    "dental": (0.9, 0.9, 1.0, 0.3, 0.4, 2.0),
    "alveolar": (0.8, 0.5, 0.8, 0.2, 0.25, 1.5),
    "sibilant": (1.4, 1.0, 1.0, 0.3, 0.5, 1.0),
    "postalveolar": (1.2, 1.0, 1.0, 1.2, 0.6, 1.0),
    "rounded": (1.0, 0.9, 1.0, 2.0, 0.8, 0.6),
    "palatal": (0.8, 0.6, 0.8, 0.3, 0.8, 0.6),
    "velar": (0.4, 0.3, 0.6, 0.12, 0.12, 0.5),
    "glottal": (0.1, 0.1, 0.3, 0.05, 0.05, 0.2),
    "rest": (1.0, 1.0, 1.0, 0.8, 0.8, 1.0),
}
CLASSES: tuple[str, ...] = (
    *("rest", "open", "mid", "spread", "rounded", "bilabial", "labiodental", "dental"),
    *("alveolar", "sibilant", "postalveolar", "back"),
)
"""Classes of sounds, which the network also tells apart while it is trained."""

_J, _C, _F, _P = "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker"
_LD, _UU, _SM, _ST = "mouthLowerDown", "mouthUpperUp", "mouthSmile", "mouthStretch"
_RL, _RU, _PR, _SL, _T = (
    *("mouthRollLower", "mouthRollUpper", "mouthPress", "mouthShrugLower"),
    "tongueOut",
)

# IPA letters, class, row of ``DOMINANCE``, targets: as a careful animator would key them.
_TABLE: tuple[tuple[str, str, str, dict[str, float]], ...] = (
    ("aɑäã", "open", "vowel", {_J: 0.44, _LD: 0.20, _UU: 0.10}),
    ("æ", "open", "vowel", {_J: 0.37, _LD: 0.22, _UU: 0.14, _ST: 0.16}),
    ("ɐʌ", "open", "vowel", {_J: 0.31, _LD: 0.15, _UU: 0.08}),
    ("ɛεẽ", "mid", "vowel", {_J: 0.29, _LD: 0.18, _UU: 0.10, _ST: 0.13}),
    ("e", "spread", "vowel", {_J: 0.20, _LD: 0.17, _UU: 0.09, _SM: 0.14, _ST: 0.13}),
    ("ɪᵻ", "spread", "vowel", {_J: 0.13, _LD: 0.15, _UU: 0.07, _SM: 0.12, _ST: 0.09}),
    ("iĩ", "spread", "vowel", {_J: 0.10, _LD: 0.17, _UU: 0.08, _SM: 0.23, _ST: 0.17}),
    ("ɨɯ", "spread", "vowel", {_J: 0.11, _LD: 0.14, _UU: 0.06, _ST: 0.10}),
    ("yʏ", "rounded", "vowel", {_J: 0.09, _F: 0.30, _P: 0.56}),
    ("øɵ", "rounded", "vowel", {_J: 0.15, _F: 0.38, _P: 0.42, _LD: 0.04}),
    ("œɞ", "rounded", "vowel", {_J: 0.21, _F: 0.40, _P: 0.28, _LD: 0.08}),
    ("əɘ", "mid", "weak", {_J: 0.15, _LD: 0.10, _UU: 0.05}),
    ("ɜɚɝ", "mid", "vowel", {_J: 0.16, _F: 0.20, _P: 0.16, _LD: 0.08, _UU: 0.04}),
    ("ɒ", "open", "vowel", {_J: 0.37, _F: 0.30, _P: 0.12, _LD: 0.12}),
    ("ɔ", "rounded", "vowel", {_J: 0.32, _F: 0.44, _P: 0.24, _LD: 0.09}),
    ("oõɤ", "rounded", "vowel", {_J: 0.22, _F: 0.44, _P: 0.42, _LD: 0.04}),
    ("ʊ", "rounded", "vowel", {_J: 0.13, _F: 0.32, _P: 0.44}),
    ("uũʉ", "rounded", "vowel", {_J: 0.09, _F: 0.28, _P: 0.66}),
    ("pbm", "bilabial", "bilabial", {_J: 0.03, _PR: 0.24, _RL: 0.12, _RU: 0.10, _SL: 0.08}),
    ("fvɱʋ", "labiodental", "labiodental", {_J: 0.06, _RL: 0.38, _UU: 0.18}),
    ("ɸβ", "labiodental", "labiodental", {_J: 0.05, _F: 0.12, _P: 0.18, _LD: 0.04}),
    ("wɥʍ", "rounded", "rounded", {_J: 0.06, _F: 0.20, _P: 0.70}),
    ("θð", "dental", "dental", {_J: 0.12, _LD: 0.15, _UU: 0.08, _T: 0.42}),
    ("td", "alveolar", "alveolar", {_J: 0.06, _LD: 0.10, _UU: 0.05, _ST: 0.04, _T: 0.04}),
    ("n", "alveolar", "alveolar", {_J: 0.08, _LD: 0.10, _UU: 0.05, _ST: 0.03, _T: 0.12}),
    ("ɾrɽ", "alveolar", "alveolar", {_J: 0.10, _LD: 0.10, _UU: 0.05, _T: 0.08}),
    ("lɫɭɬɮ", "alveolar", "alveolar", {_J: 0.13, _LD: 0.11, _UU: 0.06, _T: 0.20}),
    ("ʈɖɳ", "alveolar", "alveolar", {_J: 0.11, _LD: 0.11, _UU: 0.06, _F: 0.06}),
    ("sz", "sibilant", "sibilant", {_J: 0.03, _LD: 0.14, _UU: 0.07, _ST: 0.10, _SM: 0.04}),
    ("ʃʒʂʐ", "postalveolar", "postalveolar", {_J: 0.05, _F: 0.40, _P: 0.20, _LD: 0.12, _UU: 0.10}),
    ("ɕʑ", "postalveolar", "postalveolar", {_J: 0.06, _F: 0.20, _LD: 0.16, _UU: 0.11, _ST: 0.06}),
    ("ɹɻ", "postalveolar", "postalveolar", {_J: 0.12, _F: 0.24, _P: 0.24, _LD: 0.05}),
    ("jʝçɟcɲʎ", "spread", "palatal", {_J: 0.09, _LD: 0.13, _UU: 0.06, _SM: 0.16, _ST: 0.10}),
    ("kɡgŋqɢɴ", "back", "velar", {_J: 0.12, _LD: 0.07, _UU: 0.04}),
    ("xɣχʁʀħʕ", "back", "velar", {_J: 0.13, _LD: 0.08, _UU: 0.04}),
    ("hɦʔ", "back", "glottal", {_J: 0.16, _LD: 0.10, _UU: 0.06}),
)


@dataclass(frozen=True, eq=False)
class Viseme:
    """The mouth's target for one sound.

    Attributes
    ----------
    name : str
        The IPA base letter, or ``_`` at rest.
    kind : str
        One of ``CLASSES``.
    target : (C,) float32
        Of each channel.
    dominance : (C,) float32
        Of each channel: the magnitude alpha of Cohen and Massaro.
    vowel : bool
        Whether its opening grows with loudness.
    """

    name: str
    kind: str
    target: NDArray[np.float32]
    dominance: NDArray[np.float32]
    vowel: bool

    @property
    def closes_lips(self) -> bool:
        """Whether the lips meet."""
        return self.kind == "bilabial"


def _viseme(name: str, kind: str, row: str, targets: dict[str, float]) -> Viseme:
    target = np.zeros(COUNT, np.float32)
    for channel, value in targets.items():
        target[CHANNEL[channel]] = value
    dominance = np.ones(COUNT, np.float32)
    for names, value in zip(GROUPS.values(), DOMINANCE[row], strict=True):
        dominance[[CHANNEL[n] for n in names]] = value
    return Viseme(name, kind, target, dominance, row in ("vowel", "weak"))


REST = _viseme("_", "rest", "rest", {})
VISEMES: dict[str, Viseme] = {
    letter: _viseme(letter, kind, row, targets)
    for letters, kind, row, targets in _TABLE
    for letter in letters
}
