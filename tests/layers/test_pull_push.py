# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull-push filling keeps what is known and fills with what is around."""

import numpy as np

from heat_backend.layers.inpainting import pull_push


def test_a_constant_is_filled_exactly() -> None:
    weight = np.zeros((37, 50), np.float32)
    weight[5:9, 40:44] = 1.0
    values = np.zeros((37, 50, 3), np.float32)
    values[weight > 0] = (10.0, 200.0, 30.0)
    filled = pull_push(values, weight)
    assert np.abs(filled - (10.0, 200.0, 30.0)).max() < 1e-3


def test_known_pixels_stay_and_the_gap_lies_between_its_sides() -> None:
    slope = np.linspace(0.0, 100.0, 64, dtype=np.float32)
    values = np.tile(slope[None, :, None], (64, 1, 1))
    weight = np.ones((64, 64), np.float32)
    weight[:, 24:40] = 0.0
    filled = pull_push(values, weight)
    assert np.array_equal(filled[weight > 0], values[weight > 0])
    gap = filled[:, 24:40]
    assert values[0, 22].item() < gap.min() and gap.max() < values[0, 42].item()
    assert gap[:, 0].mean() < gap[:, -1].mean()
