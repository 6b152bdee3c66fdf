# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat weights``: the published StyleHEAT checkpoints, listed, fetched and verified."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput, HeatError, MissingHere, UsageError
from heat_backend.cli import options
from heat_backend.cli.progress import Progress

if TYPE_CHECKING:
    from heat_backend.styleheat.weights.catalogue import Licence, WeightFile
    from heat_backend.styleheat.weights.fetch import FetchPlan
    from heat_backend.styleheat.weights.folder import Record, WeightsFolder


_ALL = "all"
_MIRROR_VARIABLE = "HEAT_WEIGHTS_MIRROR"
_USES = {"engine": "needed", "extra": "for edits and options", "training": "for training only"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("action", choices=("list", "fetch", "verify"), help="what to do")
    parser.add_argument("names", nargs="*", metavar="FILE", help="only these (see `list`)")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where the weights lie (default: HEAT_WEIGHTS, else a folder in your user data)",
    )
    parser.add_argument("--training", action="store_true", help="also what only training needs")
    parser.add_argument(
        "--accept-licence",
        action="append",
        default=[],
        metavar="NAME",
        help="accept this licence (see `list`), or all but bfm; asked on a terminal otherwise",
    )
    parser.add_argument(
        "--mirror",
        default=os.environ.get(_MIRROR_VARIABLE, ""),
        metavar="URL",
        help=f"fetch all files from there (default: {_MIRROR_VARIABLE}, else where they are "
        "published)",
    )
    parser.add_argument(
        "--new-checksum", action="store_true", help="take a file that its publisher has changed"
    )
    parser.add_argument("--json", action="store_true", help="list, verify: print one JSON object")
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """List, fetch or verify."""
    from heat_backend.styleheat.weights.folder import find_folder

    folder = find_folder(args.folder)
    if args.action == "list":
        return _list(folder, args)
    if args.action == "fetch":
        return _fetch(folder, args)
    return _verify(folder, args)


def _files(args: argparse.Namespace) -> tuple[WeightFile, ...]:
    from heat_backend.styleheat.weights.catalogue import FILES, TRAINING, find_file

    if args.names:
        return tuple(find_file(name) for name in args.names)
    return tuple(f for f in FILES if args.training or args.action == "list" or f.use != TRAINING)


def _list(folder: WeightsFolder, args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from heat_backend.styleheat.weights.catalogue import LICENCES
    from heat_backend.styleheat.weights.verify import states

    rows = list(states(folder, _files(args)))
    lacking = [file.name for file in folder.lacking()]
    if args.json:
        from heat_backend.engines.registry import descriptions

        licences = [asdict(licence) for licence in LICENCES]
        report: dict[str, object] = {
            "folder": str(folder.path),
            "files": rows,
            "licences": licences,
        }
        engines = [one.for_clients() for one in descriptions()]
        report["engines"] = [one.name for one in engines]
        report["engine_descriptions"] = [one.header() for one in engines]
        print(json.dumps(report | {"ready": not lacking, "lacking": lacking}, ensure_ascii=False))
        return 0
    print(f"folder: {folder.path}")
    for row in rows:
        size = f"{int(str(row['bytes'])) / 1e6:,.0f} MB" if row["bytes"] else ""
        known = "checksum recorded" if row["recorded"] else ""
        state = ", ".join(part for part in (str(row["state"]), size, known) if part)
        print(f"{row['name']}: {row['what']} ({_USES[str(row['use'])]})")
        print(f"    {state}; goes to {row['path']}; licence: {row['licence']}")
    print("licences:")
    for licence in LICENCES:
        print("\n".join(f"    {line}" for line in _licence_lines(licence)))
    if lacking:
        print(f"the engine lacks {', '.join(lacking)}: run `heat weights fetch`")
    else:
        print("all weights that the engine needs are here")
    _say(_lacks())
    return 0


def _lacks() -> str:
    """Say what the engine lacks besides weights; empty where nothing."""
    from heat_backend.styleheat.description import DESCRIPTION

    return DESCRIPTION.for_clients().lacks


def _say(note: str) -> None:
    if note:
        print(note)


def _fetch(folder: WeightsFolder, args: argparse.Namespace) -> int:
    from heat_backend.cli.interrupt import stop_request
    from heat_backend.styleheat.weights.fetch import FetchPlan, fetch

    plan = FetchPlan(folder, _files(args), args.mirror, args.new_checksum)
    _settle_licences(plan, args)
    progress = Progress(args.json_progress)
    try:
        with stop_request() as stopped:
            fetched = fetch(plan, progress.bytes, stopped)
    finally:
        progress.clear()
    progress.finish(fetched=list(fetched), folder=str(folder.path), note=_lacks())
    if not args.json_progress:
        what = ", ".join(fetched) if fetched else "nothing: all of it was here"
        print(f"fetched {what}; in {folder.path}")
        _say(_lacks())
    return 0


def _settle_licences(plan: FetchPlan, args: argparse.Namespace) -> None:
    """Show the licences that are not accepted yet, and have each accepted once.

    Raises
    ------
    UsageError
        One is not.
    """
    from heat_backend.styleheat.weights.catalogue import LICENCES
    from heat_backend.styleheat.weights.fetch import accept, unaccepted

    given = set(args.accept_licence)
    unknown = given - {licence.name for licence in LICENCES} - {_ALL}
    if unknown:
        names = ", ".join(licence.name for licence in LICENCES)
        raise UsageError(f"there is no licence {unknown.pop()!r}; choose from: {names}, all")
    ask = not args.json_progress and sys.stdin is not None and sys.stdin.isatty()
    needed = set(unaccepted(plan))
    for licence in (licence for licence in LICENCES if licence.name in needed):
        files = ", ".join(f.name for f in plan.missing() if f.licence == licence.name)
        if not args.json_progress:
            print("\n".join([*_licence_lines(licence), f"for: {files}"]), file=sys.stderr)
        accepts = {licence.name} if licence.by_name else {licence.name, _ALL}
        if not given & accepts and not (ask and _asked()):
            raise UsageError(
                f"the licence of {files} is not accepted: read {licence.address}, then give "
                f"--accept-licence {licence.name}"
            )
        accept(plan.folder, licence.name)


def _asked() -> bool:
    print("Do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _licence_lines(licence: Licence) -> list[str]:
    return [f"{licence.name}: {licence.title}", f"  {licence.summary}", f"  {licence.address}"]


def _verify(folder: WeightsFolder, args: argparse.Namespace) -> int:
    from heat_backend.styleheat.weights.folder import ABSENT, Record, read_record
    from heat_backend.styleheat.weights.verify import verify

    progress, rows = Progress(args.json_progress), []
    known = read_record(folder.path)
    for file in (f for f in _files(args) if args.names or folder.state(f) != ABSENT):
        label = f"checking {file.name}"
        before = Record(licences=known.licences) if args.new_checksum else known

        def report(done: int, total: int, label: str = label) -> None:
            progress.bytes(label, done, total)

        try:
            seen = verify(folder, file, before, report, lambda: False)
        except HeatError as error:
            rows.append({"name": file.name, "ok": False, "problem": str(error)})
            continue
        for place, found in seen.items():
            known = known.with_file(place, found)
        rows.append({"name": file.name, "ok": True, "problem": ""})
    note = "; ".join(filter(None, (_recorded(folder, known), _lacks())))
    progress.finish(files=rows, note=note)
    if not args.json_progress:
        _print_verified(rows, note, args.json)
    return _judged(folder, rows, args)


def _recorded(folder: WeightsFolder, known: Record) -> str:
    """Write the record; a folder that cannot be written to is reported, not an error."""
    from heat_backend.styleheat.weights.folder import read_record, write_record

    if known == read_record(folder.path):
        return ""
    try:
        write_record(folder.path, known)
    except OSError as error:
        return f"the checksums could not be recorded in {folder.path} ({error.strerror})"
    return "checksums recorded"


def _print_verified(rows: list[dict[str, object]], note: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"files": rows, "note": note}, ensure_ascii=False))
        return
    for row in rows:
        print(f"ok    {row['name']}" if row["ok"] else f"WRONG {row['problem']}")
    _say(note)


def _judged(folder: WeightsFolder, rows: list[dict[str, object]], args: argparse.Namespace) -> int:
    wrong = [str(row["name"]) for row in rows if not row["ok"]]
    if wrong:
        raise BadInput(f"{len(wrong)} of {len(rows)} weights are not sound: {', '.join(wrong)}")
    lacking = [file.name for file in folder.lacking()]
    if lacking and not args.names:
        raise MissingHere(
            f"the engine lacks {', '.join(lacking)} in {folder.path}: run `heat weights fetch`"
        )
    return 0
