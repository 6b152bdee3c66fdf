# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the command line, runs one command, and turns failures into one line and a status."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from bridge.errors import HeatError, UsageError
from heat_backend import __version__
from heat_backend.cli import (
    bench,
    doctor,
    edit,
    fit,
    forget,
    inspect,
    match,
    mix,
    render,
    serve,
    sheet,
    speak,
    track,
)
from heat_backend.cli.usage_words import plain_usage, unknown_option
from heat_backend.engines.description import load
from heat_backend.engines.registry import descriptions

_DESCRIPTION = "Heat makes a portrait photo perform: it renders motion clips onto one picture."


@dataclass(frozen=True)
class Command:
    """One command of the command line."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    @classmethod
    def of(cls, module: Any) -> Command:
        """Make the command of a module, which has its name."""
        name = module.__name__.rpartition(".")[2]
        return cls(name, module.HELP, module.add_arguments, module.run)


def commands() -> tuple[Command, ...]:
    """Return all commands: those before the engines' own, theirs, and those that check it all."""
    theirs = [
        Command.of(load(command.module)) for engine in descriptions() for command in engine.commands
    ]
    return (*map(Command.of, FIRST), *theirs, *map(Command.of, LAST))


FIRST = (inspect, render, edit, match, fit, serve, track, speak, mix, sheet)
LAST = (bench, doctor, forget)


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


def build_parser() -> argparse.ArgumentParser:
    """Build the whole command line."""
    parser = _Parser(prog="heat", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"heat {__version__}")
    _add_debug(parser, default=False)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for command in commands():
        sub = subparsers.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(sub)
        _add_debug(sub, default=argparse.SUPPRESS)
        sub.set_defaults(run=command.run)
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
