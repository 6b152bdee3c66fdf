# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat sheet``: every control at its extremes on one page, to be looked at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import UsageError
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress

if TYPE_CHECKING:
    from heat_backend.engines.protocol import CancelCheck


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, required=True, metavar="IMG", help="the photo")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="SHEET.png", help="where to write the page"
    )
    options.add_size_option(parser)
    options.add_engine_options(parser)
    options.add_face_options(parser)
    parser.add_argument(
        "--neutralise", action="store_true", help="relax the photo's own expression first"
    )
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """Draw the sheet and say where it is."""
    if args.out.suffix.lower() != ".png":
        raise UsageError(f"--out {args.out}: name a file that ends in .png")
    options.check_new_file(args.out, args.portrait)
    progress = Progress(args.json_progress)
    try:
        with stop_request() as stopped, native_logs_hidden(not args.debug):
            _draw(args, progress, stopped)
    finally:
        progress.clear()
    print(args.out)
    return 0


def _draw(args: argparse.Namespace, progress: Progress, stopped: CancelCheck) -> None:
    from heat_backend.cli.control_sheet import draw_sheet
    from heat_backend.detect.detector import choose_face, make_detector
    from heat_backend.engines.registry import make_engine
    from heat_backend.export.provenance import Provenance, write_picture
    from heat_backend.media.photo import load_photo

    settings = options.engine_settings(args)
    photo = load_photo(args.portrait)
    portrait = make_engine(args.engine).prepare(photo, settings, progress.preparing, stopped)
    faces = make_detector(settings.detector).detect(photo.pixels)
    face = choose_face(faces, settings.face, photo.name)
    grown = face.scaled(portrait.width / photo.pixels.shape[1])
    page = draw_sheet(portrait, grown, f"{photo.name}, {args.engine} engine")
    made = Provenance("one photo animated", args.engine, portrait.digital_source_type)
    write_picture(args.out, page, made)
