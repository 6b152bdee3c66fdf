# SPDX-License-Identifier: GPL-3.0-or-later
"""Only its folder and the registry name an engine; all else asks the descriptions."""

from __future__ import annotations

import importlib
import io
import re
import tokenize
from pathlib import Path

from heat_backend.engines import registry

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = Path("heat_backend/engines/registry.py")


def named_in(path: Path, names: list[str]) -> list[str]:
    """The engines that a file names in a string of their own or imports."""
    text = path.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    strings = {token.string.strip("\"'") for token in tokens if token.type == tokenize.STRING}
    return [n for n in names if n in strings or re.search(rf"heat_backend\.{n}\b", text)]


def test_only_the_registry_and_an_engines_own_folder_name_it() -> None:
    # Other tests register engines of their own; those shipped are the registry's lines.
    own = [module for module in registry.ENGINES if module.startswith("heat_backend.")]
    names = [importlib.import_module(module).DESCRIPTION.name for module in own]
    assert names == ["warp", "styleheat"]
    found = {}
    for package in ("heat_backend", "bridge"):
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT)
            if (
                place.parts[1] not in names
                and place != REGISTRY
                and (named := named_in(path, names))
            ):
                found[str(place)] = named
    assert not found
