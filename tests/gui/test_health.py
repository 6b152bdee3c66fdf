# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the machine in a Blender that has no backend."""

from typing import Any

import pytest

from tests.gui import window

pytestmark = pytest.mark.window


def test_preferences_tell_what_is_missing(blender: window.Blender, given: dict[str, Any]) -> None:
    told = window.tell(blender, "health", {"zip": given["zip"]})
    assert told.status == 0, told.findings.get("error", told.log[-3000:])
    assert "Traceback" not in told.log
    for moment in ("machine", "checked"):
        lines = told.findings[moment]
        assert lines["backend"] == "missing"
        assert lines["python"] == lines["local connections"] == "ok"
