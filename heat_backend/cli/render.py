# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat render``: a motion clip and a portrait become a movie or a PNG sequence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import BadInput
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.progress import Progress
from heat_backend.cli.quiet import native_logs_hidden

HELP = "render a motion clip onto a portrait, as an .mp4 movie or a folder of PNG files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, required=True, metavar="IMG", help="the photo")
    parser.add_argument(
        "--motion",
        type=Path,
        required=True,
        metavar="CLIP.npz",
        help="the motion clip; with the engine styleheat also .npy or .mat, in the paper's values",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PATH",
        help="ends in .mp4: a movie; else a folder for frame_000001.png ...",
    )
    options.add_size_option(parser)
    options.add_engine_options(parser)
    options.add_inversion_option(parser)
    options.add_face_options(parser)
    parser.add_argument(
        "--neutralise", action="store_true", help="relax the photo's own expression first"
    )
    parser.add_argument(
        "--frames", metavar="A-B", help="only these frames of the clip, counted from 1"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on where a stopped export of the same shot ended"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace frames or a movie that are there already"
    )
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """Render and say what was written."""
    progress = Progress(args.json_progress)
    try:
        with stop_request() as stopped:
            return _render(args, progress, stopped)
    finally:
        progress.clear()


@contextmanager
def _overwriting_named() -> Iterator[None]:
    from heat_backend.export import Occupied

    try:
        yield
    except Occupied as error:
        text = f"{error.found}: choose {error.elsewhere}, or add --overwrite to replace it"
        raise BadInput(text) from error


def _render(args: argparse.Namespace, progress: Progress, stopped: options.CancelCheck) -> int:
    from heat_backend.engine import make_engine
    from heat_backend.export import check_target, export, portrait_key
    from heat_backend.photo import load_photo
    from heat_backend.styleheat.paper_motion import load_motion

    settings = options.engine_settings(args)
    check_target(args.out)
    engine = make_engine(args.engine)
    motion = load_motion(args.motion)
    clip = motion.clip
    frames = options.frame_range(args.frames, len(clip))
    photo = load_photo(args.portrait)
    with native_logs_hidden(not args.debug):
        portrait = engine.prepare(photo, settings, progress.preparing, stopped)
    with _overwriting_named():
        result = export(
            motion.onto(portrait),
            clip,
            args.out,
            frames=frames,
            fps=clip.fps,
            resume=args.resume,
            engine_label=f"{engine.name} {engine.version}",
            progress=progress.frames,
            cancelled=stopped,
            portrait_id=portrait_key(photo, settings) + motion.key,
            overwrite=args.overwrite,
        )
    notes = (*photo.notes, *portrait.notes, *result.notes)
    progress.finish(
        out=str(args.out),
        rendered=result.rendered,
        skipped=result.skipped,
        width=portrait.width,
        height=portrait.height,
        fps=clip.fps,
        notes=notes,
    )
    if not args.json_progress:
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        kept = f", {result.skipped} kept from before" if result.skipped else ""
        print(f"{args.out}: {result.rendered} frames rendered{kept}")
    return 0
