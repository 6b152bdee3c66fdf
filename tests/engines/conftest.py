# SPDX-License-Identifier: GPL-3.0-or-later
"""The tiny engine, added as every engine is: by one line in the registry."""

from __future__ import annotations

import pytest

from heat_backend.engines import registry


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (*registry.ENGINES, "tests.engines.tiny_engine")
    monkeypatch.setattr(registry, "ENGINES", lines)
