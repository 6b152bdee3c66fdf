# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of ``heat doctor`` and of the add-on's preferences: what was found, what mends it.

A report is one JSON object: ``ok`` (nothing needed is missing), ``version`` (of the backend that
wrote it) and ``checks``, a list of objects with the fields of :class:`Check`, all text. Readers
skip fields that they do not know and take absent ones as "", so that fields can be added.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

OK = "ok"
MISSING = "missing"
WARNING = "warning"
OPTIONAL = "optional"
STATES = (OK, MISSING, WARNING, OPTIONAL)

SET_UP = "set_up"
ADD_NETWORKS = "add_networks"
RESTART_BACKEND = "restart_backend"
OPEN_FOLDER = "open_folder"
FETCH_WEIGHTS = "fetch_weights"
CHECK_AGAIN = "check_again"
REMEDIES = (SET_UP, ADD_NETWORKS, RESTART_BACKEND, OPEN_FOLDER, FETCH_WEIGHTS, CHECK_AGAIN)
"""What a button can do about a line: install (again), add torch and what comes with it, end the
backend and start it afresh, show a folder, fetch weights, look once more."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name, state, detail : str
        What, whether it works (one of ``STATES``), and what was found.
    mend : str
        The command or step that mends it, for people; empty when nothing is wrong.
    remedy : str
        Which button of the add-on mends it: one of ``REMEDIES``, or empty.
    place : str
        The folder that it is about, for ``OPEN_FOLDER``; else empty.
    """

    name: str
    state: str
    detail: str
    mend: str = ""
    remedy: str = ""
    place: str = ""

    @property
    def wrong(self) -> bool:
        """Whether something should be done about it."""
        return self.state in {MISSING, WARNING}


@dataclass(frozen=True)
class Report:
    """All checks of one backend, and the version of that backend ("" where it does not say)."""

    version: str
    checks: tuple[Check, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what is needed and does not work."""
        return tuple(check.name for check in self.checks if check.state == MISSING)


def format_report(report: Report) -> str:
    """Return the report as one line of JSON."""
    checks = [asdict(check) for check in report.checks]
    values = {"ok": not report.missing, "version": report.version, "checks": checks}
    return json.dumps(values, ensure_ascii=False)


def read_report(values: object) -> Report:
    """Return the report that a JSON object holds.

    Raises
    ------
    ValueError
        It holds none.
    """
    if not isinstance(values, dict) or not isinstance(values.get("checks"), list):
        raise ValueError("no report of checks")
    rows = [row for row in values["checks"] if isinstance(row, dict)]
    return Report(str(values.get("version", "")), tuple(map(_read_check, rows)))


def parse_report(text: str) -> Report | None:
    """Return the report that is the last one among lines of output, or None if there is none."""
    for line in reversed(text.splitlines()):
        with contextlib.suppress(ValueError):
            return read_report(json.loads(line))
    return None


def first_complaint(report: Report) -> str | None:
    """Return in a line what is missing, or else what is warned of; None when all is well."""
    for state in (MISSING, WARNING):
        for check in report.checks:
            if check.state == state:
                return f"{check.name}: {check.detail}"
    return None


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Return the checks, those first that something should be done about."""
    order = (MISSING, WARNING, OPTIONAL, OK)
    return sorted(checks, key=lambda check: order.index(check.state))


def _read_check(row: dict[str, object]) -> Check:
    state = str(row.get("state", ""))
    return Check(
        str(row.get("name", "")),
        state if state in STATES else WARNING,
        str(row.get("detail", "")),
        str(row.get("mend", "")),
        str(row.get("remedy", "")),
        str(row.get("place", "")),
    )
