# SPDX-License-Identifier: GPL-3.0-or-later
"""How many inversions keyed edits need, and at which frames."""

import numpy as np
import pytest

from bridge import edit_cost
from bridge.errors import BadInput


def ramp(*corners, frames=101):
    """A curve (T, 1) through corners (frame, value)."""
    return np.interp(np.arange(frames), *zip(*corners, strict=True))[:, None]


def test_edits_that_stand_need_one_inversion_and_none_at_0():
    held = edit_cost.edit_keys(np.full((50, 1), 1.25), ["skin_tone"])
    assert held.inversions == 1 and held.edits(0) == {"skin_tone": 1.25}
    assert edit_cost.edit_keys(np.zeros((50, 1)), ["skin_tone"]).inversions == 0
    assert edit_cost.edit_keys(np.zeros((1, 0)), []).inversions == 0


def test_keys_lie_where_the_curve_bends():
    keys = edit_cost.edit_keys(ramp((0, 0), (20, 0), (40, 1), (80, 1), (100, 0)), ["blush"])
    assert keys.frames.tolist() == [0, 20, 40, 80, 100]
    assert keys.inversions == 1, "0 needs none, and 1 is held"
    assert keys.place(30) == (1, 2, 0.5)
    assert keys.place(40) == (2, 2, 0.0)
    assert not keys.rough


def test_interpolated_values_stay_near_a_smooth_curve():
    time = np.linspace(0, 1, 240)
    curve = np.stack([1.4 * np.sin(7 * time), 0.5 - 0.5 * np.cos(5 * time)], axis=1)
    names = ["skin_warmth", "light_amount"]
    keys = edit_cost.edit_keys(curve, names)
    between = np.empty_like(curve)
    for frame in range(240):
        before, after, share = keys.place(frame)
        between[frame] = (1 - share) * keys.values[before] + share * keys.values[after]
    assert (np.abs(between - curve) <= np.array([6.0, 3.0]) * edit_cost.TOLERANCE + 2e-3).all()
    assert 5 <= keys.inversions <= 16


def test_shapes_are_inverted_at_short_steps_and_colours_are_not():
    far = ramp((0, -3), (100, 3))
    assert edit_cost.edit_keys(far, ["skin_tone"]).inversions == 2
    shape = edit_cost.edit_keys(far, ["jaw_width"])
    assert shape.values[:, 0].tolist() == pytest.approx([-3, -1.5, 0, 1.5, 3])
    assert shape.inversions == 4


def test_the_number_is_bounded_and_that_is_reported():
    wild = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    keys = edit_cost.edit_keys(wild, ["jaw_width", "blush"])
    assert keys.inversions <= edit_cost.MOST_KEYS and keys.rough
    assert "more than 24" in edit_cost.summary(keys, 10.0)


def test_attributes_cost_an_inversion_only_where_identity_is_kept():
    values = np.hstack([ramp((0, 0), (100, 1)), ramp((0, 0), (100, 1))])
    names = ["age", "blush"]
    assert edit_cost.edit_keys(values, names).names == ("blush",)
    kept = edit_cost.edit_keys(values, names, attributes_too=True)
    assert kept.names == ("age", "blush") and kept.inversions == 1
    assert edit_cost.edit_keys(values[:, :1], ["age"]).inversions == 0


def test_the_cost_in_words():
    keys = edit_cost.edit_keys(ramp((0, -1), (50, 1), (100, 0)), ["skin_tone"])
    assert edit_cost.summary(keys) == "2 inversions of the edited photo"
    assert edit_cost.summary(keys, 75.0) == "2 inversions of the edited photo, about 2 min"
    assert edit_cost.summary(edit_cost.edit_keys(np.zeros((3, 1)), ["blush"]), 9.0) == ""


def test_a_jump_is_a_jump():
    step = np.zeros((100, 1))
    step[50:] = 3.0
    keys = edit_cost.edit_keys(step, ["nose_width"])
    assert keys.frames.tolist() == [0, 49, 50, 99] and keys.inversions == 1


def test_what_is_no_number_is_refused():
    with pytest.raises(BadInput, match="finite"):
        edit_cost.edit_keys([[np.nan]], ["blush"])
    with pytest.raises(BadInput, match="shape"):
        edit_cost.edit_keys(np.zeros((3, 2)), ["blush"])
