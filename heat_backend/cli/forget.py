# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat forget``: shows what is kept of photos on this machine, and removes it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bridge.errors import BadInput
from heat_backend.engines.description import load
from heat_backend.engines.registry import descriptions
from heat_backend.storage.kept_data import KeptData


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--portrait", type=Path, metavar="IMG", help="remove what was made from this photo"
    )
    which.add_argument("--all", action="store_true", help="remove everything that is listed")


def run(args: argparse.Namespace) -> int:
    """List what is kept, or remove it and say what was removed."""
    found = list(kept_data())
    if args.portrait is not None:
        from heat_backend.media.photo import load_photo

        digest = load_photo(args.portrait).digest
        found = [one for one in found if one.portrait == digest]
    removing = args.all or args.portrait is not None
    failed = 0
    for one in found:
        line = f"{one.what}, {one.size / 1e6:.1f} MB, used {one.days:.0f} days ago: {one.path}"
        if removing:
            try:
                one.remove()
            except OSError as error:
                failed += 1
                print(f"cannot remove {one.path}: {error.strerror}", file=sys.stderr)
                continue
        print(f"removed {line}" if removing else line)
    if failed:
        raise BadInput(f"{failed} of {len(found)} could not be removed: end what uses them")
    if not found:
        print("nothing is kept of this photo" if args.portrait else "nothing is kept of any photo")
    elif not removing:
        print(f"{len(found)} in all: remove them with  heat forget --all")
    return 0


def kept_data() -> Iterator[KeptData]:
    """List all that is kept: of exports that nobody fetched, and what engines keep."""
    from heat_backend.serve.job_store import kept_jobs

    yield from kept_jobs()
    for engine in descriptions():
        if engine.kept:
            yield from load(engine.kept)()
