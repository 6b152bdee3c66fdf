# SPDX-License-Identifier: GPL-3.0-or-later
"""Five seconds of a face, keyed as an animator would.

The face says "Hello. I was a photograph, and now I perform", and smiles.
Nothing here knows Blender: every channel is a short list of (second, value) keys, which
the demo sets as keyframes with clamped Bezier handles.

Speech follows what is seen of talk rather than what is heard of it: vowels open the jaw in
their stressed syllable, lips shut for p and m and hold, rounding starts before the sound
that needs it, consonants inside a word barely touch the jaw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import radians

SECONDS = 5.0
HEAD_RATE = 12
Key = tuple[float, float]

VISEMES: Mapping[str, Mapping[str, float]] = {
    "rest": {},
    "breath": {"jawOpen": 0.07, "mouthUpperUp": 0.04},
    "AA": {"jawOpen": 0.31, "mouthLowerDown": 0.16, "mouthUpperUp": 0.10},
    "AE": {"jawOpen": 0.29, "mouthLowerDown": 0.20, "mouthUpperUp": 0.14, "mouthStretch": 0.16},
    "AH": {"jawOpen": 0.17, "mouthLowerDown": 0.10, "mouthUpperUp": 0.06},
    "EH": {"jawOpen": 0.23, "mouthLowerDown": 0.16, "mouthUpperUp": 0.10, "mouthStretch": 0.12},
    "ER": {"jawOpen": 0.15, "mouthFunnel": 0.22, "mouthPucker": 0.20},
    "IY": {"jawOpen": 0.09, "mouthSmile": 0.24, "mouthStretch": 0.16, "mouthLowerDown": 0.16},
    "AO": {"jawOpen": 0.28, "mouthFunnel": 0.50, "mouthPucker": 0.26, "mouthLowerDown": 0.08},
    "OW": {"jawOpen": 0.19, "mouthFunnel": 0.48, "mouthPucker": 0.46},
    "UW": {"jawOpen": 0.09, "mouthFunnel": 0.26, "mouthPucker": 0.72},
    "W": {"jawOpen": 0.05, "mouthFunnel": 0.18, "mouthPucker": 0.76},
    "FV": {"mouthClose": 0.08, "jawOpen": 0.07, "mouthRollLower": 0.34, "mouthUpperUp": 0.16},
    "MP": {
        "jawOpen": 0.04,
        "mouthClose": 0.20,
        "mouthPress": 0.28,
        "mouthFunnel": 0.10,
        "mouthRollLower": 0.15,
        "mouthRollUpper": 0.12,
        "mouthShrugLower": 0.12,
    },
    "L": {"jawOpen": 0.18, "mouthLowerDown": 0.12, "mouthUpperUp": 0.08},
    "TD": {"jawOpen": 0.09, "mouthLowerDown": 0.14, "mouthUpperUp": 0.08, "mouthStretch": 0.06},
    "S": {"jawOpen": 0.05, "mouthLowerDown": 0.16, "mouthUpperUp": 0.08, "mouthStretch": 0.10},
    "R": {"jawOpen": 0.13, "mouthFunnel": 0.24, "mouthPucker": 0.22},
    "KG": {"jawOpen": 0.16, "mouthLowerDown": 0.08, "mouthUpperUp": 0.05},
}

SPEECH: tuple[tuple[float, str], ...] = (
    (0.00, "rest"), (0.30, "rest"), (0.46, "breath"),
    (0.60, "EH"), (0.71, "L"), (0.83, "OW"), (0.95, "UW"), (1.12, "rest"),  # hello
    (1.24, "AA"), (1.34, "IY"),  # I
    (1.43, "W"), (1.52, "AH"), (1.60, "S"),  # was
    (1.66, "AH"),  # a
    (1.75, "FV"), (1.86, "OW"), (1.96, "TD"), (2.02, "AH"),  # photo-
    (2.08, "KG"), (2.14, "R"), (2.25, "AE"), (2.38, "FV"), (2.43, "FV"), (2.56, "rest"),  # graph
    (2.68, "AE"), (2.78, "TD"),  # and
    (2.86, "TD"), (2.98, "AA"), (3.12, "UW"),  # now
    (3.23, "AA"), (3.33, "IY"),  # I
    (3.42, "MP"), (3.46, "MP"), (3.55, "ER"), (3.64, "FV"),  # per-
    (3.77, "AO"), (3.87, "R"), (3.97, "MP"), (4.04, "MP"), (4.22, "rest"),  # form
)  # fmt: skip

# Second of full closure, and how far shut. The lids close in three frames and open in six.
BLINKS: tuple[tuple[float, float], ...] = ((0.36, 1.0), (1.16, 1.0), (2.52, 1.0), (4.34, 0.92))

# Second, and where the eyes go (right of the picture, up; 1 is as far as they turn). They jump:
# a saccade lasts two frames, and the gaze then rests until the next one.
GAZE: tuple[tuple[float, float, float], ...] = (
    (0.00, 0.00, 0.00), (1.14, -0.34, 0.05), (1.66, -0.26, -0.04), (2.14, 0.00, 0.00),
    (2.50, 0.40, 0.08), (3.00, 0.08, 0.00), (3.40, 0.00, 0.00), (4.32, 0.03, -0.03),
)  # fmt: skip
SACCADE = 0.07

# What moves with the meaning, not with the sounds. A name without a side moves both.
ACTING: Mapping[str, tuple[Key, ...]] = {
    "browInnerUp": (
        (0.40, 0.0), (0.62, 0.52), (0.95, 0.34), (1.25, 0.05), (1.78, 0.05), (2.02, 0.30),
        (2.40, 0.10), (2.82, 0.10), (3.00, 0.62), (3.35, 0.42), (3.80, 0.05), (4.60, 0.08),
    ),
    "browOuterUp": (
        (0.42, 0.0), (0.64, 0.40), (1.00, 0.16), (1.30, 0.0), (2.84, 0.0), (3.02, 0.50),
        (3.40, 0.24), (3.85, 0.0), (4.40, 0.12),
    ),
    "browDown": ((1.30, 0.0), (1.70, 0.26), (2.20, 0.20), (2.55, 0.0)),
    "eyeWide": ((2.84, 0.0), (3.02, 0.28), (3.30, 0.10), (3.60, 0.0)),
    "eyeSquint": ((0.70, 0.0), (1.00, 0.12), (1.40, 0.02), (3.90, 0.02), (4.45, 0.20), (5.0, 0.18)),
    "cheekSquint": ((0.70, 0.0), (0.98, 0.14), (1.30, 0.0), (3.95, 0.0), (4.50, 0.34), (5.0, 0.30)),
    "mouthSmile": (
        (0.00, 0.0), (0.96, 0.0), (1.12, 0.22), (1.32, 0.04), (2.00, 0.0), (3.60, 0.0),
        (4.06, 0.06), (4.50, 0.46), (5.00, 0.42),
    ),
    "mouthDimple": ((3.95, 0.0), (4.50, 0.22), (5.0, 0.20)),
    "mouthUpperUp": ((4.10, 0.0), (4.50, 0.10), (5.0, 0.09)),
    "jawOpen": ((4.22, 0.0), (4.52, 0.07), (5.0, 0.06)),
}  # fmt: skip

# Degrees; the contract's senses: +pitch looks down, +yaw to the right of the picture, +roll tips
# the crown to its left. The nods sit on the stressed syllables; a turn leads with the eyes.
PITCH: tuple[Key, ...] = (
    (0.00, 0.0), (0.34, 0.6), (0.52, -2.6), (0.74, 4.6), (1.05, 0.6), (1.45, 1.8), (1.78, -1.0),
    (2.00, 2.4), (2.26, 5.2), (2.55, 1.0), (2.78, -3.4), (3.05, 4.0), (3.30, -1.0), (3.60, -2.6),
    (3.80, 6.0), (4.12, 1.4), (4.50, -2.2), (5.00, -1.4),
)  # fmt: skip
YAW: tuple[Key, ...] = (
    (0.00, 0.0), (0.40, 0.4), (0.80, 1.6), (1.12, 0.6), (1.55, -11.0), (1.90, -9.4), (2.30, -3.2),
    (2.52, -1.6), (2.92, 12.5), (3.15, 11.2), (3.60, 3.2), (3.85, 0.6), (4.40, -1.8), (5.00, -1.2),
)  # fmt: skip
ROLL: tuple[Key, ...] = (
    (0.00, 0.0), (0.50, 0.4), (1.00, -2.2), (1.60, 2.6), (2.20, 1.4), (2.95, -3.4), (3.50, -1.0),
    (3.90, 0.8), (4.50, 4.2), (5.00, 3.6),
)  # fmt: skip


@dataclass(frozen=True)
class Performance:
    """All keys of the shot.

    Attributes
    ----------
    expression : mapping of str to tuple of (second, value)
        By ARKit name; values 0..1.
    head : tuple of (second, (pitch, yaw, roll))
        Radians, twelve a second: the three angles peak at different times.
    seconds : float
        Length of the shot.
    """

    expression: Mapping[str, tuple[Key, ...]]
    head: tuple[tuple[float, tuple[float, float, float]], ...]
    seconds: float = SECONDS


def performance() -> Performance:
    """Bring speech, blinks, gaze, acting and head together, by ARKit channel."""
    channels: dict[str, dict[float, float]] = {}
    for source in (_speech(), dict(ACTING)):
        for stem, keys in source.items():
            for name in _sides(stem):
                channels[name] = _sum(channels.get(name, {}), dict(keys))
    for name, keys in (_blinks() | _gaze()).items():
        channels[name] = dict(keys)
    expression = {name: tuple(sorted(keys.items())) for name, keys in sorted(channels.items())}
    return Performance(expression, _head())


def _head() -> tuple[tuple[float, tuple[float, float, float]], ...]:
    """Read the three angles along curves that pass their keys without overshoot."""
    # Here, because Blender's Python, which knows these classes too, has no scipy.
    from scipy.interpolate import PchipInterpolator

    seconds = [step / HEAD_RATE for step in range(int(SECONDS * HEAD_RATE) + 1)]
    curves = [
        PchipInterpolator([second for second, _ in keys], [radians(a) for _, a in keys])(seconds)
        for keys in (PITCH, YAW, ROLL)
    ]
    return tuple(
        (second, (float(pitch), float(yaw), float(roll)))
        for second, pitch, yaw, roll in zip(seconds, *curves, strict=True)
    )


def _sides(stem: str) -> tuple[str, ...]:
    middle = (
        "jaw",
        "mouthFunnel",
        "mouthPucker",
        "mouthRoll",
        "mouthClose",
        "mouthShrug",
        "browInnerUp",
    )
    return (stem,) if stem.startswith(middle) else (f"{stem}Left", f"{stem}Right")


def _speech() -> dict[str, tuple[Key, ...]]:
    stems = sorted({stem for shape in VISEMES.values() for stem in shape})
    return {
        stem: tuple((second, VISEMES[viseme].get(stem, 0.0)) for second, viseme in SPEECH)
        for stem in stems
    }


def _blinks() -> dict[str, tuple[Key, ...]]:
    keys: list[Key] = [(0.0, 0.0)]
    for shut, depth in BLINKS:
        keys += [(shut - 0.11, 0.0), (shut, depth), (shut + 0.04, depth * 0.96)]
        keys += [(shut + 0.13, 0.22), (shut + 0.26, 0.0)]
    # The lids of one face never quite agree.
    return {
        "eyeBlinkLeft": tuple(keys),
        "eyeBlinkRight": tuple((second, value * 0.97) for second, value in keys),
    }


def _gaze() -> dict[str, tuple[Key, ...]]:
    """Turn the gaze into the eight look channels; the subject's left is the picture's right."""
    held: list[tuple[float, float, float]] = []
    for second, right, up in GAZE:
        if held:
            held.append((second, *held[-1][1:]))
        held.append((second + SACCADE if held else second, right, up))
    sides = {
        "eyeLookOutLeft": lambda right, up: right,
        "eyeLookInRight": lambda right, up: right,
        "eyeLookInLeft": lambda right, up: -right,
        "eyeLookOutRight": lambda right, up: -right,
        "eyeLookUpLeft": lambda right, up: up,
        "eyeLookUpRight": lambda right, up: up,
        "eyeLookDownLeft": lambda right, up: -up,
        "eyeLookDownRight": lambda right, up: -up,
    }
    return {
        name: tuple((second, max(0.0, part(right, up))) for second, right, up in held)
        for name, part in sides.items()
    }


def _sum(first: Mapping[float, float], second: Mapping[float, float]) -> dict[float, float]:
    """Add two channels at the keys of both, each read linearly between its own."""
    if not first:
        return dict(second)
    seconds = sorted({*first, *second})
    return {s: round(value_at(first, s) + value_at(second, s), 4) for s in seconds}


def value_at(keys: Mapping[float, float], second: float) -> float:
    """Read a channel at a time: linear between keys, held outside them."""
    times = sorted(keys)
    if second <= times[0]:
        return keys[times[0]]
    for before, after in pairwise(times):
        if second <= after:
            part = (second - before) / (after - before)
            return keys[before] + part * (keys[after] - keys[before])
    return keys[times[-1]]
