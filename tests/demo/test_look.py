# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's look begins and ends with the photo, and asks for nothing that there is not."""

from math import hypot

import pytest

from bridge.edits import EDIT_BY_NAME
from demo.look import LAMP_DISTANCE, SECONDS, look


def test_edits_are_known_in_their_range_and_off_at_both_ends() -> None:
    for name, keys in look().edits.items():
        edit = EDIT_BY_NAME[name]
        assert all(edit.low <= value <= edit.high for _, value in keys), name
        assert keys[0][1] == keys[-1][1] == 0.0, name
        assert [second for second, _ in keys] == sorted({second for second, _ in keys}), name
        assert keys[-1][0] <= SECONDS


def test_the_lamp_goes_to_both_sides_and_back_to_the_front() -> None:
    lamp = look().lamp
    seconds = [second for second, _ in lamp]
    assert seconds == sorted(set(seconds)) and seconds[-1] <= SECONDS
    assert max(x for _, (x, _, _) in lamp) > 0.5 * LAMP_DISTANCE
    assert min(x for _, (x, _, _) in lamp) < -0.5 * LAMP_DISTANCE
    for place in (lamp[0][1], lamp[-1][1]):
        assert place == pytest.approx((0.0, 0.0, LAMP_DISTANCE))
    assert all(hypot(*place) == pytest.approx(LAMP_DISTANCE) for _, place in lamp)
