# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's commands that list, fetch and check the weights. No bpy here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import bridge
from .command import CANCELLED, DONE, FAILED, RUNNING, CommandRun, Words
from .command import CommandStatus as WeightsStatus
from .command import ask as ask_backend


@dataclass(frozen=True)
class Licence:
    """Terms to accept; `by_name` those that want a confirmation of their own."""

    name: str
    title: str
    summary: str
    address: str
    by_name: bool
    files: tuple[str, ...]
    """Names of the files under it that are not here and wait for it to be accepted."""


@dataclass(frozen=True)
class WeightsReport:
    """The weights folder, what the engine lacks of it, and licences still to accept."""

    folder: str
    lacking: tuple[str, ...]
    unsound: tuple[str, ...]
    extras: tuple[str, ...]
    """Files that edits and options would need and that are not here."""
    licences: tuple[Licence, ...]
    engines: Mapping[str, Any] = field(default_factory=dict)
    """The answer's fields about engines; see `core.engines.learn`."""

    @property
    def ready(self) -> bool:
        """Whether the engine has what it needs."""
        return not self.lacking and not self.unsound

    @property
    def to_fetch(self) -> tuple[str, ...]:
        """Names of all files that a fetch would bring."""
        return tuple(dict.fromkeys((*self.lacking, *self.unsound, *self.extras)))


def ask(command: tuple[str, ...], environment: Mapping[str, str]) -> WeightsReport:
    """Run `heat weights list` and read its answer.

    Parameters
    ----------
    command : tuple of str
        The backend's program, such as (python, "-m", "heat_backend").
    environment : mapping
        All variables of the process.

    Raises
    ------
    MissingHere
        It does not answer; the message says why.
    """
    return ask_backend(command, environment, ("weights", "list", "--json"), read)


def read(raw: Any) -> WeightsReport:
    """Read the answer's values; KeyError or TypeError where it is of another form."""
    waiting: dict[str, list[str]] = {}
    extras, unsound = [], []
    for row in raw["files"]:
        name, use, state = str(row["name"]), str(row["use"]), str(row["state"])
        if use == "training" or state == "there":
            continue
        if state == "changed":
            unsound.append(name)
        elif use == "extra":
            extras.append(name)
        if not row["accepted"]:
            waiting.setdefault(str(row["licence"]), []).append(name)
    licences = tuple(
        Licence(
            str(one["name"]),
            str(one["title"]),
            str(one["summary"]),
            str(one["address"]),
            bool(one["by_name"]),
            tuple(waiting[one["name"]]),
        )
        for one in raw["licences"]
        if one["name"] in waiting
    )
    lacking = tuple(map(str, raw["lacking"]))
    engines = {name: raw[name] for name in ("engines", "engine_descriptions") if name in raw}
    return WeightsReport(
        str(raw["folder"]), lacking, tuple(unsound), tuple(extras), licences, engines
    )


__all__ = ["CANCELLED", "DONE", "FAILED", "RUNNING", "WeightsRun", "WeightsStatus", "advanced"]


class WeightsRun(CommandRun):
    """A fetch or check under way; `finished` is its status line when it ended well."""

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], finished: str
    ) -> None:
        stopped = "Stopped; what was fetched is kept, the next fetch goes on there"
        super().__init__(command, environment, Words(finished, stopped), advanced)


def advanced(before: WeightsStatus, line: str) -> WeightsStatus:
    """Return the status after one more line of the command."""
    amount = bridge.progress_lines.parse_amount(line)
    if amount is None or amount.step != "file":
        return before
    size = f"{amount.done / 1e6:,.0f}"
    if amount.total >= 0:
        size += f" of {amount.total / 1e6:,.0f}"
    what = amount.what
    text = f"{what[:1].upper()}{what[1:]}: {size} MB"
    return replace(before, fraction=amount.fraction, text=text)
