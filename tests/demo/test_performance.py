# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's performance is one that a rig can hold, and that starts from the photo."""

from itertools import pairwise
from math import degrees

import pytest

from bridge.coefficients import EXPRESSION_NAMES
from demo.performance import SECONDS, SPEECH, performance, value_at


def test_channels_are_expressions_within_their_nominal_range() -> None:
    for name, keys in performance().expression.items():
        assert name in EXPRESSION_NAMES
        assert all(0.0 <= value <= 1.0 for _, value in keys), name
        assert all(0.0 <= second <= SECONDS for second, _ in keys), name
        assert [second for second, _ in keys] == sorted({second for second, _ in keys}), name


def test_starts_from_the_photo() -> None:
    shot = performance()
    assert all(value_at(dict(keys), 0.0) == 0.0 for keys in shot.expression.values())
    assert shot.head[0] == (0.0, (0.0, 0.0, 0.0))


def test_lips_are_shut_for_p_and_m_and_the_jaw_is_open_for_vowels() -> None:
    channels = {name: dict(keys) for name, keys in performance().expression.items()}
    for second, viseme in SPEECH:
        if viseme == "MP":
            assert value_at(channels["jawOpen"], second) < 0.1
            assert value_at(channels["mouthPressLeft"], second) > 0.2
        if viseme in {"AA", "AE"}:
            assert value_at(channels["jawOpen"], second) > 0.25


def test_head_nods_and_turns_both_ways_without_a_jerk() -> None:
    head = performance().head
    pitch, yaw = ([degrees(angles[axis]) for _, angles in head] for axis in (0, 1))
    assert min(yaw) < -8 and max(yaw) > 8
    assert min(pitch) < -2 and max(pitch) > 4
    # A quick turn of a head is some 150 degrees a second; faster reads as a cut.
    for (before, first), (after, second) in pairwise(head):
        speed = max(abs(degrees(b - a)) for a, b in zip(first, second, strict=True))
        assert speed / (after - before) < 150


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_eyes_shut_at_a_blink_and_open_again(side: str) -> None:
    lid = dict(performance().expression[f"eyeBlink{side}"])
    assert value_at(lid, 1.16) > 0.9
    assert value_at(lid, 1.50) == 0.0
