# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing keeps motion and takes the noise of a tracker; lips that touch are closed."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.face_model import load as load_model
from heat_backend.tracking.curves import noise_level, smooth, smooth_together
from heat_backend.tracking.eyes_and_lips import close_touching_lips, lip_openings

SECONDS = 8


def correlated_noise(count: int, size: float, seed: int) -> np.ndarray:
    """Noise that is correlated over some frames, as a tracker's is."""
    fresh = np.random.default_rng(seed).normal(0, size * np.sqrt(0.75), count)
    noise = np.zeros(count)
    for k in range(1, count):
        noise[k] = 0.5 * noise[k - 1] + fresh[k]
    return noise


def residual(curve: np.ndarray) -> float:
    """Largest deviation of ten successive frames from a straight line."""
    at = np.arange(10)
    windows = (curve[k : k + 10] for k in range(len(curve) - 10))
    return max(float(np.std(w - np.polyval(np.polyfit(at, w, 1), at))) for w in windows)


@pytest.mark.parametrize("rate", [25, 30, 60])
def test_a_head_keeps_its_shake_and_stands_still_before_and_after(rate):
    t = np.arange(SECONDS * rate) / rate
    known = np.zeros((len(t), 6))
    shaking = (t > 3) & (t < 4)
    known[:, 1] = np.radians(5) * np.sin(6 * np.pi * (t - 3)) * shaking
    sizes = [np.radians(0.2)] * 3 + [0.002, 0.002, 0.015]
    read = known + np.stack(
        [correlated_noise(len(t), one, k) for k, one in enumerate(sizes)], axis=1
    )
    got = smooth_together(read, noise_level(read))
    assert 0.9 < np.ptp(got[shaking, 1]) / np.ptp(known[shaking, 1]) < 1.1
    for still in (slice(0, int(2.5 * rate)), slice(int(4.5 * rate), None)):
        assert residual(got[still, 3]) < 0.0012
        assert residual(got[still, 3]) < 0.5 * residual(read[still, 3])


def test_a_jump_in_the_first_frame_stays_there():
    read = np.stack([correlated_noise(120, 0.002, k) for k in range(6)], axis=1)
    read[0, 4] -= 0.14
    got = smooth_together(read, noise_level(read))
    assert got[0, 4] == pytest.approx(read[0, 4], abs=0.005)
    assert np.abs(got[2:, 4]).max() < 0.01


@pytest.mark.parametrize("rate", [25, 30, 60])
def test_blinks_keep_their_peak_and_frame(rate):
    t = np.arange(SECONDS * rate) / rate
    at = (1.13, 3.02, 5.27)
    known = sum(0.9 * np.cos(np.pi * (t - one) / 0.2) ** 2 * (np.abs(t - one) < 0.1) for one in at)
    read = (known + correlated_noise(len(t), 0.015, 1))[:, None]
    got = smooth(read, np.array([0.015]))
    for one in at:
        near = np.abs(t - one) < 0.15
        assert got[near, 0].max() >= 0.85 * read[near, 0].max()
        assert abs(int(got[near, 0].argmax()) - int(read[near, 0].argmax())) <= 1


@pytest.fixture(scope="module")
def openings() -> np.ndarray:
    model = load_model()
    return lip_openings(model, model.expression)


def face(**weights: float) -> np.ndarray:
    out = np.zeros((1, len(EXPRESSION_NAMES)))
    for name, weight in weights.items():
        out[0, EXPRESSION_INDEX[name]] = weight
    return out


def test_lips_read_as_touching_are_shut_over_a_dropped_jaw(openings):
    pressed = close_touching_lips(face(jawOpen=0.4, mouthPucker=1.0), openings, np.array([0.005]))
    assert 0.15 < pressed[0, EXPRESSION_INDEX["mouthClose"]] <= 0.4
    assert (pressed @ openings)[0] < 0.03


@pytest.mark.parametrize("gap", [0.15, np.nan])
def test_open_or_unseen_lips_are_left_alone(openings, gap):
    spoken = face(jawOpen=0.4)
    assert np.array_equal(close_touching_lips(spoken, openings, np.array([gap])), spoken)
