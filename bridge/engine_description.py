# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine says of itself: its options, what it can do and what it needs.

The backend sends a description of each of its engines in WELCOME; the add-on draws its Engine panel
from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import fields
from .errors import ProtocolError, UsageError
from .wire import Header

FLAG, CHOICE, TEXT, INTEGER, NUMBER = "flag", "choice", "text", "integer", "number"
KINDS = (FLAG, CHOICE, TEXT, INTEGER, NUMBER)

OptionValue = bool | int | float | str

LONGEST_TEXT = 256
"""Characters of an option's value; what a text field of a message may have."""
_LONGEST_HELP = 2000
_MOST = 64  # engines, and options or choices of one: bounds what a hostile server can send


@dataclass(frozen=True)
class Choice:
    """One value that an option may have."""

    name: str
    title: str
    help: str = ""


@dataclass(frozen=True)
class Option:
    """One option of an engine.

    Attributes
    ----------
    name : str
        An identifier; the command line writes it with hyphens.
    title, help : str
        For users.
    kind : str
        ``"flag"``, ``"choice"``, ``"text"``, ``"integer"`` or ``"number"``.
    default : bool, int, float or str
    choices : tuple of Choice
        Of kind ``"choice"``; empty for others.
    """

    name: str
    title: str
    help: str
    kind: str
    default: OptionValue
    choices: tuple[Choice, ...] = ()

    def checked(self, value: object) -> OptionValue:
        """Return a value as this option has it.

        Raises
        ------
        UsageError
            When it is of another kind, or is none of the choices.
        """
        if self.kind == CHOICE:
            known = [choice.name for choice in self.choices]
            if value in known:
                return str(value)
            raise UsageError(f"option {self.name}: {value!r:.80} is none of {', '.join(known)}")
        if self.kind == FLAG and isinstance(value, bool):
            return value
        if self.kind == TEXT and isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if self.kind == INTEGER and is_number and isinstance(value, int):
            return value
        if self.kind == NUMBER and is_number and abs(float(value)) < 1e15:  # type: ignore[arg-type]
            return float(value)  # type: ignore[arg-type]
        raise UsageError(f"option {self.name}: {value!r:.80} is no {self.kind}")


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do, and what it needs.

    Attributes
    ----------
    photo_edits : bool
        It has the edits of :mod:`bridge.edits`: shape, colours, light.
    attributes : bool
        It has edits of attributes such as age, besides.
    inverts : bool
        It inverts the portrait: it finds it among those that a network can generate.
    inverts_edits : bool
        Each key of an edit of the photo takes another inversion; see :mod:`bridge.edit_cost`.
    inverts_attributes_with : str
        Name of the flag under which keys of attributes take one as well; empty for none.
    devices : tuple of str
        ``"cpu"``, ``"cuda"``: where it computes.
    weights : bool
        It needs weights that ``heat weights`` fetches.
    networks : bool
        It runs on PyTorch, which the default set-up leaves out.
    """

    photo_edits: bool = False
    attributes: bool = False
    inverts: bool = False
    inverts_edits: bool = False
    inverts_attributes_with: str = ""
    devices: tuple[str, ...] = ("cpu",)
    weights: bool = False
    networks: bool = False

    def inverts_attributes(self, values: Mapping[str, object]) -> bool:
        """Return whether keys of attributes take an inversion under some option values."""
        return bool(self.inverts_attributes_with and values.get(self.inverts_attributes_with))


@dataclass(frozen=True)
class EngineDescription:
    """An engine as clients know it.

    Attributes
    ----------
    name, version, title : str
        Identifier, version, and name for users.
    summary : str
        What it does and needs, in a sentence or two.
    options : tuple of Option
        Its own options, besides those that every engine has (size, device, face ...).
    capabilities : Capabilities
    lacks : str
        What this machine lacks to run it, and what brings it, in a line; empty where nothing does.
        Weights are not meant: ``heat weights list`` tells of them.
    """

    name: str
    version: str = ""
    title: str = ""
    summary: str = ""
    options: tuple[Option, ...] = ()
    capabilities: Capabilities = field(default_factory=Capabilities)
    lacks: str = ""

    def header(self) -> Header:
        """Return the fields as they stand in WELCOME."""
        return asdict(self, dict_factory=_with_lists)


def _with_lists(pairs: list[tuple[str, Any]]) -> Header:
    """Make a table of fields as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in pairs}


def read_descriptions(header: Header) -> tuple[EngineDescription, ...]:
    """Read the field ``engine_descriptions``; empty where a backend of before sends none.

    Raises
    ------
    ProtocolError
        When it is of another form.
    """
    return tuple(_engine(one) for one in _tables(header, "engine_descriptions"))


def _engine(header: Header) -> EngineDescription:
    can = fields.table(header, "capabilities")
    return EngineDescription(
        name=fields.text(header, "name"),
        version=fields.text(header, "version", default=""),
        title=fields.text(header, "title", default=""),
        summary=fields.text(header, "summary", _LONGEST_HELP, ""),
        options=tuple(_option(one) for one in _tables(header, "options")),
        capabilities=Capabilities(
            photo_edits=fields.flag(can, "photo_edits"),
            attributes=fields.flag(can, "attributes"),
            inverts=fields.flag(can, "inverts"),
            inverts_edits=fields.flag(can, "inverts_edits"),
            inverts_attributes_with=fields.text(can, "inverts_attributes_with", default=""),
            devices=tuple(fields.texts(can, "devices", _MOST)),
            weights=fields.flag(can, "weights"),
            networks=fields.flag(can, "networks"),
        ),
        lacks=fields.text(header, "lacks", _LONGEST_HELP, ""),
    )


def _option(header: Header) -> Option:
    kind = fields.text(header, "kind")
    if kind not in KINDS:
        raise ProtocolError(f"field 'kind': an option cannot be {kind[:40]!r}")
    option = Option(
        name=fields.text(header, "name"),
        title=fields.text(header, "title"),
        help=fields.text(header, "help", _LONGEST_HELP, ""),
        kind=kind,
        default=False,
        choices=tuple(
            Choice(
                fields.text(one, "name"),
                fields.text(one, "title"),
                fields.text(one, "help", _LONGEST_HELP, ""),
            )
            for one in _tables(header, "choices")
        ),
    )
    if not option.name.isidentifier():
        raise ProtocolError(f"field 'name': {option.name[:40]!r} is no identifier")
    try:
        default = option.checked(header.get("default"))
    except UsageError as error:
        raise ProtocolError(f"field 'default': {error}") from error
    return Option(option.name, option.title, option.help, kind, default, option.choices)


def _tables(header: Header, name: str) -> list[Header]:
    value = header.get(name, [])
    if not isinstance(value, list) or len(value) > _MOST:
        raise ProtocolError(f"field {name!r}: not a list of at most {_MOST} objects")
    return [fields.table({name: one}, name) for one in value]
