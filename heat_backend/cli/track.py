# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat track``: a video of a face becomes a motion clip."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import UsageError
from bridge.regions import REGIONS
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress

if TYPE_CHECKING:
    from heat_backend.tracking.track import TrackSettings

RESTS = ("first", "neutral", "camera")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "video", type=Path, metavar="VIDEO", help="the video, any that FFmpeg reads"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="CLIP.npz", help="the motion clip to write"
    )
    options.add_face_options(parser)
    options.add_range(parser)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--expression-only", action="store_true", help="leave the head still")
    only.add_argument("--pose-only", action="store_true", help="move the head only")
    parser.add_argument(
        "--region", nargs="+", default=[], choices=REGIONS, help="only these parts of the face"
    )
    parser.add_argument(
        "--smooth",
        type=float,
        default=1.0,
        metavar="X",
        help="strength of the smoothing, 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--gain",
        type=float,
        default=1.0,
        metavar="X",
        help="factor on all expressions (default: %(default)s)",
    )
    parser.add_argument(
        "--rest",
        default="first",
        choices=RESTS,
        help="which head pose counts as no turn (default: that of the %(default)s frame)",
    )
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """Track and say what was written."""
    progress = Progress(args.json_progress)
    try:
        return _track(args, progress)
    finally:
        progress.clear()


def _settings(args: argparse.Namespace) -> TrackSettings:
    from heat_backend.media.video import check_range
    from heat_backend.tracking.track import TrackSettings

    options.check_face(args.face)
    check_range(args.start, args.end)
    for name, most in (("smooth", 10.0), ("gain", 5.0)):
        if not 0.0 <= getattr(args, name) <= most:
            raise UsageError(f"--{name} {getattr(args, name)}: give a number from 0 to {most:g}")
    return TrackSettings(
        detector=args.detector,
        face=args.face,
        start=args.start,
        end=args.end,
        expression=not args.pose_only,
        pose=not args.expression_only,
        regions=tuple(args.region),
        smooth=args.smooth,
        gain=args.gain,
        rest=args.rest,
    )


def _track(args: argparse.Namespace, progress: Progress) -> int:
    from bridge import motion_clip
    from heat_backend.tracking.track import track_video

    settings = _settings(args)
    target = options.clip_target(args.out, args.video)
    cache = target.with_name(f".{target.name}.track")
    with stop_request() as stopped, native_logs_hidden(not args.debug):
        tracked = track_video(args.video, settings, cache, progress.preparing, stopped)
    motion_clip.save(tracked.clip, target)
    clip = tracked.clip
    progress.finish(out=str(target), frames=len(clip), fps=clip.fps, notes=tracked.notes)
    if not args.json_progress:
        for note in tracked.notes:
            print(f"note: {note}", file=sys.stderr)
        print(f"{target}: {options.frames_told(len(clip))} at {clip.fps:g} a second")
    return 0
