# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat speak``: a voice becomes a motion clip of a mouth."""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import UsageError
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.progress import Progress

if TYPE_CHECKING:
    from heat_backend.engines.protocol import CancelCheck


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="a sound file, or a video")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="CLIP.npz", help="where to write the motion clip"
    )
    options.add_range(parser)
    parser.add_argument(
        "--fps", default="30", metavar="N", help="frames a second, 23.976 or 24000/1001 too (30)"
    )
    parser.add_argument(
        "--style", default="1", metavar="S", help="strength of the articulation, 0 to 3 (1)"
    )
    parser.add_argument(
        "--life", action="store_true", help="add blinks, brows on stress and a swaying head"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another number, another life (0)"
    )
    parser.add_argument(
        "--landmarks",
        type=Path,
        metavar="FILE.npz",
        help="also write the 20 lip landmarks of every frame",
    )
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """Speak and say what was written."""
    progress = Progress(args.json_progress)
    try:
        with stop_request() as stopped:
            return _speak(args, progress, stopped)
    finally:
        progress.clear()


def number(option: str, text: str) -> float:
    """Read a number or a fraction.

    Raises
    ------
    UsageError
        When it is neither.
    """
    try:
        return float(Fraction(text.strip().replace(",", ".")))
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"{option} {text}: give a number") from error


def _speak(args: argparse.Namespace, progress: Progress, stopped: CancelCheck) -> int:
    fps, strength = number("--fps", args.fps), number("--style", args.style)
    for option, path in (("--out", args.out), ("--landmarks", args.landmarks)):
        if path is None:
            continue
        if path.suffix.lower() != ".npz":
            raise UsageError(f"{option} {path}: name a file that ends in .npz")
        options.check_new_file(path, args.audio, option=option)

    from bridge.motion_clip import save
    from heat_backend.speech.lip_landmarks import save_landmarks
    from heat_backend.speech.speak import SpeechStyle, speak

    style = SpeechStyle(fps, strength, args.life, args.seed)
    speech = speak(args.audio, style, progress.preparing, stopped, args.start, args.end)
    clip = speech.clip
    save(clip, args.out)
    if args.landmarks is not None:
        save_landmarks(clip, args.landmarks)
    seconds = len(clip) / clip.fps
    progress.finish(
        out=str(args.out),
        landmarks=None if args.landmarks is None else str(args.landmarks),
        frames=len(clip),
        fps=clip.fps,
        seconds=round(seconds, 3),
        closures=len(speech.closures),
        notes=speech.notes,
    )
    if not args.json_progress:
        for note in speech.notes:
            print(f"note: {note}", file=sys.stderr)
        print(
            f"{args.out}: {len(clip)} frames, {seconds:.1f} s at {clip.fps:g} a second; "
            f"the lips close {len(speech.closures)} times for p, b or m"
        )
    return 0
