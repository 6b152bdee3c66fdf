# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat edit``: a still with edits applied, and the list of what can be edited."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput, HeatError, UsageError
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress
from heat_backend.engines.description import load
from heat_backend.engines.registry import describe, descriptions, make_engine

if TYPE_CHECKING:
    pass

SUFFIXES = (".png", ".jpg", ".jpeg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, metavar="IMG", help="the photo")
    parser.add_argument(
        "--set",
        action="append",
        nargs="+",
        default=[],
        dest="assigned",
        metavar="NAME=VALUE",
        help="an edit and how much of it; may be given several times",
    )
    parser.add_argument("--out", type=Path, metavar="IMG", help="where to write: .png or .jpg")
    parser.add_argument("--list", action="store_true", help="list the edits of every engine")
    parser.add_argument("--json", action="store_true", help="with --list: as one JSON object")
    options.add_size_option(parser)
    options.add_engine_options(parser)
    options.add_own_engine_options(parser)
    options.add_face_options(parser)
    parser.add_argument(
        "--neutralise", action="store_true", help="relax the photo's own expression first"
    )
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """List, or edit and say what was written."""
    if args.list:
        print(json.dumps(names_by_engine()) if args.json else "\n".join(listing()))
        return 0
    if args.portrait is None or args.out is None:
        raise UsageError("give --portrait and --out, or --list to see what can be edited")
    if not args.assigned:
        raise UsageError("name an edit, such as --set jaw_width=2; --list shows all there are")
    if args.out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {args.out}: name a file that ends in .png or .jpg")
    options.check_new_file(args.out, args.portrait)
    progress = Progress(args.json_progress)
    try:
        return _edit(args, progress)
    finally:
        progress.clear()


def assignments(words: list[list[str]]) -> dict[str, float]:
    """Read NAME=VALUE words.

    Raises
    ------
    UsageError
        When one is not of that form, or names an edit twice.
    BadInput
        When a value is not a finite number.
    """
    found: dict[str, float] = {}
    for word in (word for group in words for word in group):
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {word}: write NAME=VALUE, such as jaw_width=2")
        if name in found:
            raise UsageError(f"--set {word}: {name} is set twice")
        try:
            found[name] = float(text)
        except ValueError as error:
            raise BadInput(f"--set {word}: {text!r} is not a number") from error
        if not math.isfinite(found[name]):
            raise BadInput(f"--set {word}: give a finite number")
    return found


def listing() -> list[str]:
    """Lines that name every engine's edits; those of the photo, which many have, only once."""
    engines = [one for one in descriptions() if one.capabilities.photo_edits]
    with_attributes = [one.name for one in engines if one.attributes]
    lines: list[str] = []
    for engine in engines:
        is_first = not lines
        lines.append(f"engine {engine.name}:")
        if is_first:
            lines += _photo_edits()
        elif not engine.attributes:
            lines.append("  all of the above")
        if engine.attributes:
            lines += load(engine.attributes).lines()
        elif with_attributes:
            theirs = " and ".join(with_attributes)
            lines.append(f"  no attributes such as age or beard: those are the engine {theirs}'s")
    return lines


def _photo_edits() -> list[str]:
    from bridge.edits import EDITS, GROUPS

    lines = []
    for group in GROUPS:
        lines.append(f"  {group}")
        for edit in EDITS:
            if edit.group == group and not edit.raw:
                span = f"{edit.low:g} to {edit.high:g} {edit.unit}"
                lines.append(f"    {edit.name:22} {span:34} {edit.meaning}")
    raw = [edit.name for edit in EDITS if edit.raw]
    return [*lines, f"    {raw[0]} to {raw[-1]}: the face model's own components"]


def names_by_engine() -> dict[str, object]:
    """Return the names of every engine's edits, and a line about each that cannot be used."""
    from bridge.edits import EDITS

    engines: dict[str, list[str]] = {}
    problems: list[str] = []
    for engine in descriptions():
        if not engine.capabilities.photo_edits:
            continue
        engines[engine.name] = [edit.name for edit in EDITS]
        if engine.attributes:
            try:
                names, wrong = load(engine.attributes).names()
            except (HeatError, ImportError) as error:
                names, wrong = (), (str(error),)
            engines[engine.name] += names
            problems += wrong
    return {"engines": engines, "problems": problems}


def _edit(args: argparse.Namespace, progress: Progress) -> int:
    from bridge.coefficients import Coefficients
    from bridge.edits import check_names
    from heat_backend.export.provenance import Provenance, write_picture
    from heat_backend.media.photo import load_photo

    edits = assignments(args.assigned)
    settings = options.engine_settings(args)
    engine = make_engine(args.engine)
    described = describe(args.engine)
    if described.attributes:
        load(described.attributes).check(edits)
    elif described.capabilities.photo_edits:
        check_names(edits)
    photo = load_photo(args.portrait)
    with stop_request() as stopped, native_logs_hidden(not args.debug):
        portrait = engine.prepare(photo, settings, progress.preparing, stopped)
        frame = portrait.render(Coefficients.of(edits=edits))
    made = Provenance(
        "one photo edited", f"{engine.name} {engine.version}", portrait.digital_source_type
    )
    write_picture(args.out, frame, made)
    notes = (*photo.notes, *portrait.notes)
    progress.finish(
        out=str(args.out), width=portrait.width, height=portrait.height, edits=edits, notes=notes
    )
    if not args.json_progress:
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        print(args.out)
    return 0
