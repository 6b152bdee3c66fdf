# SPDX-License-Identifier: GPL-3.0-or-later
"""The time left is told from frames that came at the usual pace."""

from __future__ import annotations

import pytest

from heat_backend.export.pace import Pace


def test_the_slow_first_frame_counts_for_nothing() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert pace.note(40) is None  # these were there before
    now = 9.0
    assert pace.note(41) is None
    now = 9.5
    assert pace.note(46) == pytest.approx(10.0)
    assert pace.skipped == 40
