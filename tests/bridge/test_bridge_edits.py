# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, ranges and refusals of edits."""

import math

import pytest

from bridge import edit_directions
from bridge.edits import EDIT_BY_NAME, EDITS, GROUPS, IDENTITY_COUNT, SHAPE_EDITS, usable
from bridge.errors import BadInput


def test_every_edit_is_off_at_zero_and_has_a_group_and_a_meaning():
    assert len(EDIT_BY_NAME) == len(EDITS)
    for edit in EDITS:
        assert edit.low < 0.0 < edit.high
        assert edit.group in GROUPS
        assert edit.meaning


def test_an_unknown_edit_is_reported_with_the_nearest_name():
    with pytest.raises(BadInput, match="did you mean jaw_width"):
        usable({"jaw_widht": 1.0})


def test_an_unknown_edit_that_is_off_is_no_error():
    assert usable({"from_a_newer_heat": 0.0, "blush": 1.0}) == ({"blush": 1.0}, ())


def test_values_out_of_range_are_held_and_reported():
    found, notes = usable({"skin_tone": 99.0, "light_amount": -4.0, "blush": 0.0})
    assert found == {"skin_tone": 3.0, "light_amount": -1.0}
    assert len(notes) == 2
    assert "skin_tone" in notes[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_refused(value):
    with pytest.raises(BadInput, match="blush"):
        usable({"blush": value})


def test_shape_edits_add_up_in_identity_space_and_others_do_not_count():
    directions = edit_directions.load()
    assert set(directions.weights) == {edit.name for edit in SHAPE_EDITS}
    change = edit_directions.identity_change({"jaw_width": 2.0, "identity_03": -1.0, "blush": 3.0})
    expected = 2.0 * directions.weights["jaw_width"]
    expected[2] -= 1.0
    assert change == pytest.approx(expected)
    assert change.shape == (IDENTITY_COUNT,)
