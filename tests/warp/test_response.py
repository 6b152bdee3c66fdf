# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait that answers a control weakly is driven harder, within bounds and smoothly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX
from heat_backend.warp.control_calibration import Reading, Trial, apply_gains, calibrate_expressions

SMILE = ("mouthSmileLeft", "mouthSmileRight")
TRIAL = Trial(
    dict.fromkeys(SMILE, 1.0), (Reading(SMILE, lambda p, s: float((p - s)[0, 0]), 0.1, 0.3),)
)


def face_with(strength: float) -> Callable[[Mapping[str, float]], np.ndarray]:
    def track(expression: Mapping[str, float]) -> np.ndarray:
        points = np.zeros((478, 3))
        points[0, 0] = strength * expression.get(SMILE[0], 0.0)
        return points

    return track


@pytest.mark.parametrize(
    ("strength", "least", "most"),
    [(0.2, 1.0, 1.0), (0.08, 1.2, 1.6), (0.03, 1.6, 1.6), (0.35, 0.7, 0.9), (0.0, 1.0, 1.0)],
)
def test_gain_brings_the_response_into_its_range(
    strength: float, least: float, most: float
) -> None:
    gains = calibrate_expressions(face_with(strength), (TRIAL,))
    for name in SMILE:
        assert least - 1e-6 <= gains[EXPRESSION_INDEX[name]] <= most + 1e-6
    assert np.count_nonzero(gains != 1.0) in (0, 2)


def test_a_face_that_is_read_too_weakly_is_not_driven_past_what_it_does() -> None:
    reading = replace(TRIAL.readings[0], own_most=0.27)
    trial = replace(TRIAL, readings=(reading,))
    dim, vivid, weak = face_with(0.05), face_with(0.24), face_with(0.1)
    seen = calibrate_expressions(dim, (trial,), own=vivid)
    assert seen[EXPRESSION_INDEX[SMILE[0]]] == pytest.approx(0.27 / 0.24, abs=0.01)
    assert calibrate_expressions(dim, (trial,), own=weak)[EXPRESSION_INDEX[SMILE[0]]] > 1.5


def test_face_lost_leaves_controls_alone() -> None:
    assert (calibrate_expressions(lambda _: None, (TRIAL,)) == 1.0).all()


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.6])
def test_response_is_monotonic_smooth_and_keeps_zero(gain: float) -> None:
    asked = np.linspace(-0.5, 1.5, 401, dtype=np.float32)
    given = apply_gains(asked, np.full(len(asked), gain, np.float32))
    assert given[100] == 0.0
    steps = np.diff(given)
    assert (steps > 0).all()
    assert np.abs(np.diff(steps)).max() < 0.1 * steps.max()
    assert given[-1] <= 1.5 + 0.76
