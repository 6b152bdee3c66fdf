# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits that docs/SECURITY.md tells are those of the code."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| [^|]+ \| `([\w.]+)\.([A-Z_]+)` \| (\d+) \|$", re.M)


def test_every_limit_is_the_codes():
    rows = ROW.findall((ROOT / "docs" / "SECURITY.md").read_text("utf-8"))
    assert len(rows) > 20
    for module, name, value in rows:
        assert getattr(importlib.import_module(module), name) == int(value), f"{module}.{name}"
