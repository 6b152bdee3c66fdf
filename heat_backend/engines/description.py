# SPDX-License-Identifier: GPL-3.0-or-later
"""How an engine registers itself: its name, options, capabilities, commands, checks and benchmark.

An engine's options are the fields of one frozen dataclass, each made by :func:`option`. From it
come the arguments of the command line, the options of PREPARE and the Engine panel of the add-on.
A module with a description imports neither torch nor OpenCV: every start of ``heat`` reads it.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from bridge import engine_description
from bridge.engine_description import Capabilities, Choice, Option, OptionValue
from bridge.errors import UsageError
from heat_backend.engines import networks

if TYPE_CHECKING:
    from heat_backend.engines.protocol import Engine


KIND_OF_TYPE = {
    bool: engine_description.FLAG,
    int: engine_description.INTEGER,
    float: engine_description.NUMBER,
    str: engine_description.TEXT,
}


@dataclass(frozen=True)
class NoOptions:
    """The options of an engine that has none."""


def option(
    default: OptionValue,
    title: str,
    help: str,
    *,
    choices: tuple[Choice, ...] = (),
    command_help: str = "",
    metavar: str | None = None,
) -> Any:
    """Make a field of an options dataclass.

    Parameters
    ----------
    default : bool, int, float or str
        Its type is the option's; see ``bridge.engine_description.Option``.
    title, help : str
        For the add-on's panel.
    choices : tuple of Choice
        The values that a text may have; empty for any.
    command_help : str
        For the command line, after "engine NAME: "; empty takes ``help``.
    metavar : str, optional
        What the command line calls the value.
    """
    metadata = {
        "title": title,
        "help": help,
        "choices": choices,
        "command_help": command_help or help,
        "metavar": metavar,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Command:
    """A command of the command line: one of Heat's own, or one that an engine brings.

    Attributes
    ----------
    name, help : str
    module : str
        Has ``add_arguments`` and ``run``; imported when the command is used.
    """

    name: str
    help: str
    module: str


class AttributeEdits(Protocol):
    """A module that knows an engine's edits of attributes, which depend on this machine's files."""

    def lines(self) -> list[str]:
        """Return the lines of ``heat edit --list`` below those on the edits of the photo."""
        ...

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names, and a line about each file that cannot be used.

        Raises
        ------
        HeatError, ImportError
            When they cannot be looked for.
        """
        ...

    def check(self, edits: Collection[str]) -> None:
        """Refuse unknown edits, of attributes or of the photo, before a portrait is prepared.

        Raises
        ------
        BadInput, MissingHere
        """
        ...


@dataclass(frozen=True)
class MotionFormat:
    """Files of motion in an engine's own values, for ``--motion``.

    Attributes
    ----------
    suffixes : tuple of str
        Such as ``.npy``.
    load : str
        ``"module:function"``: reads a path as a ``heat_backend.engines.motion.Motion``.
    help : str
        For the command line, after "with the engine NAME also ".
    """

    suffixes: tuple[str, ...]
    load: str
    help: str


@dataclass(frozen=True)
class EngineBench:
    """What an engine brings to ``heat bench``.

    Attributes
    ----------
    sections : mapping of str to str
        Sections by name; each module has ``rows(settings, report)``. With this engine they alone
        are measured, unless a section is named.
    memory_subject : str
        ``"module:function"``: takes the settings and returns the portrait whose memory is watched,
        what to call it, and how much it may take, MiB.
    memory_frames : int
        How many frames it draws meanwhile.
    """

    sections: Mapping[str, str]
    memory_subject: str
    memory_frames: int


@dataclass(frozen=True)
class EngineDescription:
    """An engine as it registers itself.

    Attributes
    ----------
    name, version, title : str
        Identifier, version, and name for users.
    summary : str
        What it does and needs, in a sentence or two.
    create : str or callable
        ``"module:function"`` or a function: makes the engine.
    options : type
        A frozen dataclass whose fields :func:`option` makes.
    capabilities : Capabilities
    commands : tuple of Command
    checks : str
        ``"module:function"``: yields the checks of ``heat doctor``; empty for none.
    warm_up : str
        ``"module:function"``: takes a ``CancelCheck`` and loads what a first portrait needs, so
        that it need not wait; the server calls it when it has nothing to do yet. Empty for none.
    attributes : str
        Module that lists and checks its edits of attributes, an ``AttributeEdits``; empty for none.
    motion : MotionFormat or None
    bench : EngineBench or None
    kept : str
        ``"module:function"``: lists what it keeps on disk of photos, as ``KeptData``; empty for
        nothing.
    """

    name: str
    create: str | Callable[[], Engine]
    version: str = "1"
    title: str = ""
    summary: str = ""
    options: type = NoOptions
    capabilities: Capabilities = field(default_factory=Capabilities)
    commands: tuple[Command, ...] = ()
    checks: str = ""
    warm_up: str = ""
    attributes: str = ""
    motion: MotionFormat | None = None
    bench: EngineBench | None = None
    kept: str = ""

    def option_list(self) -> tuple[Option, ...]:
        """Return the options as clients know them."""
        found = []
        for one in fields(self.options):
            default: Any = one.default
            choices: tuple[Choice, ...] = one.metadata["choices"]
            kind = engine_description.CHOICE if choices else KIND_OF_TYPE[type(default)]
            title, text = one.metadata["title"], one.metadata["help"]
            found.append(Option(one.name, title, text, kind, default, choices))
        return tuple(found)

    def for_clients(self) -> engine_description.EngineDescription:
        """Return what WELCOME tells of the engine."""
        title = self.title or self.name
        lacks_networks = self.capabilities.networks and not networks.are_here()
        return engine_description.EngineDescription(
            self.name,
            self.version,
            title,
            self.summary,
            self.option_list(),
            self.capabilities,
            networks.missing_line(f"the engine {title}") if lacks_networks else "",
        )

    def add_arguments(
        self, parser: argparse.ArgumentParser, only: Collection[str] | None = None
    ) -> None:
        """Add the engine's options to a command: all, or those of some names."""
        for made, one in zip(self.option_list(), fields(self.options), strict=True):
            if only is not None and one.name not in only:
                continue
            text = f"engine {self.name}: {one.metadata['command_help']}".replace("%", "%%")
            flag = f"--{one.name.replace('_', '-')}"
            if made.kind == engine_description.FLAG:
                action = argparse.BooleanOptionalAction if made.default else "store_true"
                parser.add_argument(flag, action=action, default=made.default, help=text)
                continue
            parser.add_argument(
                flag,
                default=made.default,
                type=type(made.default),
                choices=[choice.name for choice in made.choices] or None,
                metavar=one.metadata["metavar"],
                help=f"{text} (default: %(default)s)",
            )

    def read_options(self, values: Mapping[str, object]) -> Any:
        """Return an instance of ``options`` with some values, of the command line or a message.

        Raises
        ------
        UsageError
            When the engine has no such option, or it cannot have that value.
        """
        known = {one.name: one for one in self.option_list()}
        for name in values:
            if name not in known:
                has = ", ".join(known) or "none"
                raise UsageError(
                    f"the engine {self.name} has no option {name[:80]!r}: it has {has}"
                )
        checked = {name: known[name].checked(value) for name, value in values.items()}
        return self.options(**checked)


def changed_options(options: object) -> tuple[tuple[str, OptionValue], ...]:
    """Return names and values of those options that are not at their defaults."""
    if options is None:
        return ()
    values = asdict(options)  # type: ignore[call-overload]
    return tuple(
        (one.name, values[one.name])
        for one in fields(options)  # type: ignore[arg-type]
        if values[one.name] != one.default
    )


def load(place: str) -> Any:
    """Import ``"module"`` or ``"module:name"`` and return the module or what has that name."""
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found
