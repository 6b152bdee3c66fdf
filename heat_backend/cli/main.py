# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the command line, runs one command, and turns failures into one line and a status."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from bridge.errors import HeatError, UsageError
from heat_backend import __version__
from heat_backend.cli.usage_words import plain_usage, unknown_option
from heat_backend.engines.description import Command, load
from heat_backend.engines.registry import descriptions

_DESCRIPTION = "Heat makes a portrait photo perform: it renders motion clips onto one picture."


FIRST = (
    Command(
        "inspect",
        "find the face in a photo: its box, landmarks, pose, and what would be hard about it",
        "heat_backend.cli.inspect",
    ),
    Command(
        "render",
        "render motion onto a portrait, as an .mp4 movie or a folder of PNG files",
        "heat_backend.cli.render",
    ),
    Command(
        "edit",
        "change shape, colours or light of the face in a photo; --list names what can be changed",
        "heat_backend.cli.edit",
    ),
    Command(
        "match",
        "give a portrait the expression, pose, light or skin tone of a sample picture",
        "heat_backend.cli.match",
    ),
    Command(
        "fit",
        "fit the face model to a photo: shape, colours, light, expression, pose and camera",
        "heat_backend.cli.fit",
    ),
    Command(
        "serve",
        "serve previews and exports to Blender; the first line printed says where",
        "heat_backend.cli.serve",
    ),
    Command(
        "track",
        "track the face in a video: its expressions and head motion become a motion clip",
        "heat_backend.cli.track",
    ),
    Command(
        "speak",
        "make a motion clip of a mouth that speaks what a sound file, or a video's sound, says",
        "heat_backend.cli.speak",
    ),
    Command(
        "mix",
        "mix two motion clips: regions of the one over the other, or one after the other",
        "heat_backend.cli.mix",
    ),
    Command(
        "sheet",
        "draw a page of every control at its extremes, with close-ups of mouth and eyes",
        "heat_backend.cli.sheet",
    ),
)
LAST = (
    Command(
        "bench",
        "measure speed and memory on this machine, beside the numbers to reach",
        "heat_backend.cli.bench",
    ),
    Command(
        "doctor",
        "check what works on this machine and name the command that mends what does not",
        "heat_backend.cli.doctor",
    ),
    Command(
        "forget",
        "show what is kept of photos on this machine, and remove it",
        "heat_backend.cli.forget",
    ),
)


def commands() -> tuple[Command, ...]:
    """Return all commands: those before the engines' own, theirs, and those that check it all."""
    theirs = [command for engine in descriptions() for command in engine.commands]
    return (*FIRST, *theirs, *LAST)


class _Parser(argparse.ArgumentParser):
    """Raises a :class:`UsageError` where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{plain_usage(message)} (see `{self.prog} --help`)")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        # argparse would rather complain of what a misspelled option leaves missing.
        if self._subparsers is None and args is not None:
            message = unknown_option(args, self._option_string_actions)
            if message is not None:
                self.error(message)
        return super().parse_known_args(args, namespace)


class _CommandParser(_Parser):
    """The parser of one command, which imports the command's module only when it is to parse."""

    def __init__(self, *, module: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._module = module

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        if self.get_default("run") is None:
            module = load(self._module)
            module.add_arguments(self)
            _add_debug(self, default=argparse.SUPPRESS)
            self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)


def build_parser() -> argparse.ArgumentParser:
    """Build the whole command line."""
    parser = _Parser(prog="heat", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"heat {__version__}")
    _add_debug(parser, default=False)
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", parser_class=_CommandParser
    )
    for command in commands():
        subparsers.add_parser(
            command.name, help=command.help, description=command.help, module=command.module
        )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done, 2 wrong usage, 3 bad input, 4 something is missing here, 130 stopped by the user,
        1 for a bug.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        return _run(given)
    except HeatError as error:
        return _fail(error.exit_code, str(error), debug)
    except KeyboardInterrupt:
        return _fail(130, "stopped", debug)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _fail(4, "not enough memory on this machine: choose a smaller --size", debug)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(1, f"this is a bug in Heat ({text}): report it with --debug's output", debug)


def _run(arguments: list[str]) -> int:
    parser = build_parser()
    args = parser.parse_args(arguments)
    if args.command is None:
        raise UsageError(f"name a command: {', '.join(c.name for c in commands())}")
    run: Callable[[argparse.Namespace], int] = args.run
    return run(args)


def _add_debug(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--debug", action="store_true", default=default, help="show where a failure came from"
    )


def _fail(status: int, message: str, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return status
