# SPDX-License-Identifier: GPL-3.0-or-later
"""One slider does one thing: measured on heads of the face model."""

import numpy as np
import pytest

from bridge import edit_directions
from bridge.face_model import load, shape
from heat_backend.edits.face_measurements import measured_head

STILL = np.zeros(52)


@pytest.fixture(scope="module")
def average() -> dict[str, float]:
    model = load()
    return measured_head(model, model.vertices)


@pytest.mark.parametrize("name", sorted(edit_directions.load().weights))
def test_one_step_moves_its_own_measure_by_one_standard_deviation_and_hardly_any_other(
    name, average
):
    spread = edit_directions.load().spread
    change = edit_directions.identity_change({name: 1.0})
    head = measured_head(load(), shape(load(), change, STILL))
    moved = {n: (head[n] - average[n]) / spread[n] for n in spread}
    assert moved.pop(name) == pytest.approx(1.0, abs=0.1)
    assert max(map(abs, moved.values())) <= 0.15
