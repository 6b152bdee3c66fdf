# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines' edits as the backend lists them, added to a portrait as attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from .. import bridge
from ..backend import choose
from ..backend.command import ask
from ..core import engines
from ..data import edit_values
from ..data.portraits import find_portrait
from . import background_jobs
from .background_jobs import FAILED, QueryJob

_ELSEWHERE = (
    "The backend is another machine's: `heat edit --list` names its attributes there, and Add "
    "Attribute takes such a name"
)


@dataclass(frozen=True)
class Listing:
    """Names of edits by engine, and a line about each file that cannot be used."""

    engines: dict[str, tuple[str, ...]]
    problems: tuple[str, ...]


class AttributesJob(QueryJob):
    """Asks the backend which edits its engines have.

    Of no portrait, so that opening a file does not end it: what it learns holds for all files.
    """

    kind = "attributes"
    title = "list of the attributes"

    def __init__(self, portrait_uid: str) -> None:
        program = choose.command(_ELSEWHERE)
        environment = choose.whole_environment(program)
        arguments = ("edit", "--list", "--json")
        self.problems: tuple[str, ...] = ()
        self._portrait_uid = portrait_uid
        super().__init__(lambda: ask(program.command, environment, arguments, read))

    def receive(self, answer: Listing) -> None:
        """Learn the edits, and add those of its engine to the portrait."""
        self.problems = answer.problems
        engines.learn_edits(answer.engines)
        for scene in bpy.data.scenes:
            portrait = find_portrait(scene, self._portrait_uid)
            if portrait is not None:
                add_listed(portrait)


def read(raw: Any) -> Listing:
    """Read the answer's values; KeyError or TypeError where it is of another form."""
    engines = {str(name): tuple(map(str, edits)) for name, edits in raw["engines"].items()}
    return Listing(engines, tuple(map(str, raw["problems"])))


def problems() -> tuple[str, ...]:
    """Return in lines why some attributes, or all, are not known."""
    job = background_jobs.find("attributes")
    if job is None:
        return ()
    return (job.message,) if job.state == FAILED else job.problems


def refresh(portrait: Any) -> AttributesJob:
    """Ask which edits the engines have, unless that is under way.

    Raises
    ------
    MissingHere
        No backend of this machine is set up.
    """
    if background_jobs.running("attributes"):
        return background_jobs.find("attributes")
    job = AttributesJob(portrait.uid)
    background_jobs.start(job)
    return job


def add_listed(portrait: Any) -> None:
    """Add the attributes of a portrait's engine that it has not listed yet, at 0."""
    for name in sorted(engines.edits_of(portrait.engine) or ()):
        if name not in bridge.edits.EDIT_BY_NAME:
            edit_values.add_attribute(portrait, name)
