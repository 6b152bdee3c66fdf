# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that is being written never costs the user the one that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import BadInput
from bridge.whole_file import user_file, whole_file


def test_a_file_takes_the_old_ones_place_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / ("long " * 45 + ".txt")
    target.write_text("old")
    with whole_file(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "take.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_name_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "take.json"
    with pytest.raises(BadInput, match=r"cannot write .*take\.json"), user_file(target) as part:
        part.write_text("new")
