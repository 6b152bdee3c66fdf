# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines' edits as the backend lists them: asked beside the interface, added to portraits."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import bpy

from .. import bridge
from ..backend import choose, command
from ..core import engine_edits
from ..data import edit_values
from ..data.portraits import find_portrait
from ..preview import tagging

_TICK = 0.25
_ELSEWHERE = (
    "The backend is another machine's: `heat edit --list` names its attributes there, and Add "
    "Attribute takes such a name"
)
_question: _Question | None = None
_problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """Names of edits by engine, and a line about each file that cannot be used."""

    engines: dict[str, tuple[str, ...]]
    problems: tuple[str, ...]


class _Question:
    """One question on its way, for one portrait."""

    def __init__(self, uid: str) -> None:
        program = choose.command(_ELSEWHERE)
        self.uid = uid
        self.found: Listing | None = None
        self.trouble = ""
        self._program = program
        self.thread = threading.Thread(target=self._ask, name="heat-edit-list", daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        environment = choose.whole_environment(self._program)
        arguments = ("edit", "--list", "--json")
        try:
            self.found = command.ask(self._program.command, environment, arguments, read)
        except bridge.errors.HeatError as error:
            self.trouble = str(error)


def read(raw: Any) -> Listing:
    """Read the answer's values; KeyError or TypeError where it is of another form."""
    engines = {str(name): tuple(map(str, edits)) for name, edits in raw["engines"].items()}
    return Listing(engines, tuple(map(str, raw["problems"])))


def problems() -> tuple[str, ...]:
    """Return in plain lines why some attributes, or all, are not known."""
    return _problems


def asking() -> bool:
    """Whether the backend has not answered yet."""
    return _question is not None


def refresh(portrait: Any) -> None:
    """Ask which edits the engines have; background Blender waits for the answer.

    Raises
    ------
    MissingHere
        No backend of this machine is set up or, in background Blender, it does not answer.
    """
    global _question
    if _question is None:
        _question = _Question(portrait.uid)
    if bpy.app.background:
        question = _question
        question.thread.join()
        _take(question)
        if question.trouble:
            raise bridge.errors.MissingHere(question.trouble)
    elif not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=_TICK, persistent=True)


def add_listed(portrait: Any) -> None:
    """Add the attributes of a portrait's engine that it has not listed yet, at 0."""
    for name in sorted(engine_edits.names(portrait.engine) or ()):
        if name not in bridge.edits.EDIT_BY_NAME:
            edit_values.add_attribute(portrait, name)


def _take(question: _Question) -> None:
    """Remember an answer, and add what it brings to the portrait that asked."""
    global _question, _problems
    _question = None
    if question.found is None:
        _problems = (question.trouble,)
        return
    _problems = question.found.problems
    engine_edits.learn(question.found.engines)
    for scene in bpy.data.scenes:
        portrait = find_portrait(scene, question.uid)
        if portrait is not None:
            add_listed(portrait)


def _on_timer() -> float | None:
    question = _question
    if question is None:
        return None
    if question.thread.is_alive():
        return _TICK
    _take(question)

    tagging.panels()
    return None
