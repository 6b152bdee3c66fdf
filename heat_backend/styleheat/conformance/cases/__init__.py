# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``heat conformance`` can run: each module here holds ``CASES``, case name -> function.

A function takes a :class:`~heat_backend.styleheat.conformance.case_run.CaseRun` and returns its
outputs by name. A new module is found by itself; nothing else needs to know it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heat_backend.styleheat.conformance.case_run import CaseFunction


@lru_cache(maxsize=1)
def all_cases() -> dict[str, CaseFunction]:
    """Return every known case by name.

    Raises
    ------
    ValueError
        When two modules claim one name.
    """
    found: dict[str, CaseFunction] = {}
    for module in pkgutil.iter_modules(__path__):
        cases = importlib.import_module(f"{__name__}.{module.name}").CASES
        twice = found.keys() & cases.keys()
        if twice:
            raise ValueError(f"{module.name} repeats the cases {sorted(twice)}")
        found |= cases
    return found
