# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines: what a command prints is what Blender reads."""

import pytest

from bridge.progress_lines import Amount, format_line, parse_amount, parse_notes


def test_an_amount_comes_back_as_it_was_written():
    line = format_line("prepare", what="fitting the face", fraction=0.25)
    assert line == '{"step": "prepare", "what": "fitting the face", "fraction": 0.25}'
    assert parse_amount(line) == Amount("prepare", "fitting the face", 0.25, 1.0)
    frames = parse_amount(format_line("render", done=3, total=4, seconds_left=None))
    assert frames is not None and frames.fraction == 0.75


def test_an_unknown_total_is_no_progress():
    amount = parse_amount(format_line("file", what="weights", done=5, total=-1))
    assert amount is not None and amount.fraction == 0.0


def test_notes_stand_in_the_last_line_only():
    assert parse_notes(format_line("done", out="x.npz", notes=["dark"])) == ("dark",)
    assert parse_notes(format_line("note", text="dark")) is None


@pytest.mark.parametrize("line", ["", "no JSON", "[1]", '{"step": "render"}', '{"step": 3}'])
def test_any_other_line_is_ignored(line):
    assert parse_amount(line) is None
    assert parse_notes(line) is None
