# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat render``: a motion clip and a portrait become a movie or a PNG sequence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput, Cancelled, UsageError
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress
from heat_backend.engines.registry import descriptions

if TYPE_CHECKING:
    from heat_backend.cli.driving import Driving
    from heat_backend.engines.protocol import CancelCheck
    from heat_backend.export.sound import Sound


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, required=True, metavar="IMG", help="the photo")
    parser.add_argument(
        "--motion",
        type=Path,
        required=True,
        metavar="CLIP",
        help="what drives it: a motion clip (.npz), a video of a face, or a voice"
        + "".join(
            f"; with the engine {engine.name} also {engine.motion.help}"
            for engine in descriptions()
            if engine.motion is not None
        ),
    )
    parser.add_argument(
        "--audio",
        metavar="FILE",
        help="the movie's sound, or  none  (default: the driving video's or voice's own)",
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
    options.add_own_engine_options(parser)
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
    from heat_backend.export.write_errors import Occupied

    try:
        yield
    except Occupied as error:
        text = f"{error.found}: choose {error.elsewhere}, or add --overwrite to replace it"
        raise BadInput(text) from error


@contextmanager
def _kept_if_stopped(driving: Driving) -> Iterator[None]:
    """Keep the clip made of a video or voice only for a render to be resumed."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        raise
    except BaseException:
        driving.drop()
        raise
    driving.drop()


def _render(args: argparse.Namespace, progress: Progress, stopped: CancelCheck) -> int:
    from heat_backend.cli.driving import driving_motion, driving_source
    from heat_backend.engines.registry import make_engine
    from heat_backend.export.run import check_target, export
    from heat_backend.export.shot import portrait_key
    from heat_backend.media.photo import load_photo

    settings = options.engine_settings(args)
    check_target(args.out)
    engine = make_engine(args.engine)
    audio = _audio(args)
    source = driving_source(args.motion)
    photo = load_photo(args.portrait)
    options.frame_range(
        args.frames, sys.maxsize
    )  # a range without meaning is refused before the work
    with native_logs_hidden(not args.debug):
        portrait = engine.prepare(photo, settings, progress.preparing, stopped)
        target = args.out.resolve()
        work = target.with_name(f".{target.name or 'frames'}.track")
        driving = driving_motion(source, work, progress.preparing, stopped)
    motion, clip = driving.motion, driving.motion.clip
    with _overwriting_named(), _kept_if_stopped(driving):
        frames = options.frame_range(args.frames, len(clip))
        cost = portrait.edit_cost(clip)
        if cost:
            progress.note(f"the edits need {cost}")
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
            sound=_sound(args, audio, driving.sound),
        )
    notes = (*driving.notes, *photo.notes, *portrait.notes, *result.notes)
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
        print(f"{args.out}: {options.frames_told(result.rendered)} rendered{kept}")
    return 0


def _audio(args: argparse.Namespace) -> Path | None:
    """Read ``--audio`` and refuse what could not be heard, before any work is done."""
    from heat_backend.export.run import is_movie_name
    from heat_backend.export.sound import check_sound

    if args.audio is None or args.audio == "none":
        return None
    if not is_movie_name(args.out):
        raise UsageError("--audio needs a movie: let --out end in .mp4")
    check_sound(Path(args.audio))
    return Path(args.audio)


def _sound(args: argparse.Namespace, audio: Path | None, own: Path | None) -> Sound | None:
    from heat_backend.export.run import is_movie_name
    from heat_backend.export.sound import Sound

    chosen = None if args.audio == "none" else audio or own
    return Sound(chosen) if chosen and is_movie_name(args.out) else None
