# SPDX-License-Identifier: GPL-3.0-or-later
"""The face is edited in a real Blender window: live, compared, keyed, undone."""

from typing import Any

import pytest

from tests.gui import window

pytestmark = pytest.mark.window


@pytest.fixture(scope="session")
def edited(blender: window.Blender, given: dict[str, Any]) -> window.Told:
    told = window.tell(blender, "edits", given)
    assert told.status == 0, told.findings.get("error", told.log[-3000:])
    return told


def test_an_edit_shows_in_the_preview_and_its_panel_draws(edited: window.Told) -> None:
    assert edited.findings["edited"] > edited.findings["plain"] + 3
    assert "Traceback" not in edited.log


def test_keyed_edits_follow_the_playhead(edited: window.Told) -> None:
    assert edited.findings["frame 1"] == edited.findings["plain"]
    assert edited.findings["frame 20"] == pytest.approx(edited.findings["edited"], abs=0.01)


def test_undo_takes_an_edit_back(edited: window.Told) -> None:
    assert edited.findings["undone"] == 0.0
