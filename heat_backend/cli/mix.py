# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat mix``: two motion clips become one, by regions of the face or one after the other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput, UsageError
from bridge.motion_mix import LAYERS
from heat_backend.cli import options

if TYPE_CHECKING:
    from bridge.motion_clip import MotionClip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("base", type=Path, metavar="BASE.npz", help="gives rate and length")
    parser.add_argument("over", type=Path, metavar="OVER.npz", help="is laid over it")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="CLIP.npz", help="the mixed clip"
    )
    parser.add_argument(
        "--take",
        nargs="+",
        default=[],
        metavar="PART[=WEIGHT]",
        help=f"what OVER gives ({', '.join(LAYERS)}), and how much of it from 0 to 1, "
        "such as  mouth  or  brows=0.5  (default: mouth)",
    )
    parser.add_argument(
        "--at", type=float, default=0.0, metavar="S", help="second of BASE at which OVER begins"
    )
    parser.add_argument(
        "--fade", type=float, default=0.0, metavar="S", help="seconds of crossfade (default: none)"
    )
    parser.add_argument(
        "--after", action="store_true", help="play OVER, all of it, after BASE instead"
    )


def run(args: argparse.Namespace) -> int:
    """Mix and say what was written."""
    from bridge import motion_clip, motion_mix

    target = options.clip_target(args.out, args.base, args.over)
    base, over = (_clip(path) for path in (args.base, args.over))
    if args.after:
        if args.take or args.at:
            raise UsageError("--after plays both clips whole: leave --take and --at out")
        clip = motion_mix.joined(base, over, args.fade)
    else:
        weights = dict(_part(text) for text in args.take or ["mouth"])
        clip = motion_mix.laid_over(base, over, weights, args.at, args.fade)
    motion_clip.save(clip, target)
    print(f"{target}: {options.frames_told(len(clip))} at {clip.fps:g} a second")
    return 0


def _clip(path: Path) -> MotionClip:
    from bridge import motion_clip

    if path.is_file() and path.suffix.lower() != ".npz":
        raise BadInput(
            f"{path.name} is no motion clip: make one of a video with  heat track, "
            "or of a voice with  heat speak"
        )
    return motion_clip.load(path)


def _part(text: str) -> tuple[str, float]:
    name, given, weight = text.partition("=")
    try:
        return name, float(weight) if given else 1.0
    except ValueError as error:
        raise UsageError(f"--take {text}: give a number from 0 to 1 after the =") from error
