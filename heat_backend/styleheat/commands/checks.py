# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``heat doctor`` checks for this engine: whether its weights are here."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.checks import FETCH_WEIGHTS, OK, OPTIONAL, Check
from bridge.errors import HeatError
from heat_backend.engines.registry import DEFAULT_ENGINE

OTHER = f"the {DEFAULT_ENGINE} engine needs none"


def checks() -> Iterator[Check]:
    """Yield the checks."""
    yield check_checkpoints()


def check_checkpoints() -> Check:
    """Return which of the engine's weights are here; the default engine needs none of them."""
    from heat_backend.styleheat.weights.catalogue import ENGINE, FILES
    from heat_backend.styleheat.weights.folder import ABSENT, find_folder

    name, mend = "StyleHEAT checkpoints", "heat weights fetch"
    try:
        folder = find_folder()
    except HeatError as error:
        return Check(name, OPTIONAL, str(error), "set HEAT_WEIGHTS to a folder")
    needed = [file for file in FILES if file.use == ENGINE]
    lacking = folder.lacking()
    if not lacking:
        return Check(name, OK, f"all {len(needed)} that the engine needs, in {folder.path}")
    if all(folder.state(file) == ABSENT for file in needed):
        detail = f"not in {folder.path}; {OTHER}"
        return Check(name, OPTIONAL, detail, mend, FETCH_WEIGHTS)
    gone = ", ".join(file.place for file in lacking)
    return Check(name, OPTIONAL, f"{folder.path} lacks {gone}; {OTHER}", mend, FETCH_WEIGHTS)
