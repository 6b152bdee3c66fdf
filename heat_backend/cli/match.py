# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat match``: a portrait gets the expression, light or skin tone of a sample picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from heat_backend.cli import options
from heat_backend.cli.edit import SUFFIXES
from heat_backend.cli.interrupt import stop_request, stoppable
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress

if TYPE_CHECKING:
    from heat_backend.edits.photo_fit import PhotoFit
    from heat_backend.engines.protocol import EngineSettings
    from heat_backend.matching.match import Matched
    from heat_backend.media.photo import Photo

TAKES = ("expression", "pose", "light", "skin_tone")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, required=True, metavar="IMG", help="the photo")
    parser.add_argument(
        "--sample", type=Path, required=True, metavar="IMG", help="the picture to be like"
    )
    parser.add_argument(
        "--take",
        nargs="+",
        default=["expression", "light", "skin_tone"],
        choices=TAKES,
        help="what to take from the sample (default: expression light skin_tone)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="CLIP.npz",
        help="a motion clip of one frame, with its edits; or a .png or .jpg: the portrait so",
    )
    parser.add_argument("--sample-face", type=int, metavar="N", help="which face of the sample")
    options.add_size_option(parser)
    options.add_face_options(parser)
    parser.add_argument(
        "--neutralise", action="store_true", help="relax the photo's own expression first"
    )
    options.add_json_progress(parser)
    parser.set_defaults(device="auto")


def run(args: argparse.Namespace) -> int:
    """Match, write, and say what was found."""
    if args.out.suffix.lower() in SUFFIXES:
        options.check_new_file(args.out, args.portrait, args.sample)
    else:
        options.clip_target(args.out)
    options.check_face(args.sample_face)
    progress = Progress(args.json_progress)
    try:
        return _match(args, progress)
    finally:
        progress.clear()


def _match(args: argparse.Namespace, progress: Progress) -> int:
    from dataclasses import replace

    from bridge import motion_clip
    from heat_backend.matching.match import match
    from heat_backend.media.photo import load_photo

    settings = options.engine_settings(args)
    portrait, sample = load_photo(args.portrait), load_photo(args.sample)
    with stop_request() as stopped, native_logs_hidden(not args.debug):
        own = _fit(portrait, settings, progress, (0.0, 0.4), stopped)
        other = replace(settings, face=args.sample_face)
        there = _fit(sample, other, progress, (0.4, 0.8), stopped)
        progress.preparing("comparing the two", 0.85)
        found = match(own, there, args.take, sample.name, args.neutralise)
        if args.out.suffix.lower() in SUFFIXES:
            progress.preparing("drawing the portrait", 0.9)
            _draw(args.out, portrait, settings, found, stopped)
        else:
            motion_clip.save(found.clip, args.out)
    notes = (*portrait.notes, *sample.notes, *found.notes)
    progress.finish(out=str(args.out), edits=found.edits, found=found.lines, notes=notes)
    if not args.json_progress:
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        print("\n".join((*found.lines, str(args.out))))
    return 0


def _fit(
    photo: Photo, settings: EngineSettings, progress: Progress, span: tuple[float, float],
    stopped: Callable[[], bool],
) -> PhotoFit:  # fmt: skip
    from heat_backend.edits.photo_fit import fit_photo

    def report(what: str, share: float) -> None:
        progress.preparing(f"{photo.name}: {what}", span[0] + share * (span[1] - span[0]))

    return fit_photo(photo, settings, stoppable(report, stopped))


def _draw(
    out: Path, photo: Photo, settings: EngineSettings, found: Matched, stopped: Callable[[], bool]
) -> None:
    from heat_backend.engines.registry import DEFAULT_ENGINE, make_engine
    from heat_backend.export.provenance import Provenance, write_picture

    engine = make_engine(DEFAULT_ENGINE)
    drawn = engine.prepare(photo, settings, lambda *_: None, stopped)
    frame = drawn.render(found.clip.frame(0))
    label = f"{engine.name} {engine.version}"
    write_picture(out, frame, Provenance("one photo edited", label, drawn.digital_source_type))
