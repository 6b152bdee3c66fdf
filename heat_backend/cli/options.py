# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BadInput, UsageError
from bridge.frame_size import LARGEST_FRAME, SMALLEST_FRAME
from heat_backend.engines.registry import DEFAULT_ENGINE, describe, descriptions

if TYPE_CHECKING:
    from heat_backend.engines.protocol import EngineSettings

DEFAULT_DETECTOR = "mediapipe"
DEVICES = ("auto", "cpu", "cuda")


def add_face_options(parser: argparse.ArgumentParser) -> None:
    """Add which face of the picture is meant, and what finds it."""
    parser.add_argument(
        "--face", type=int, metavar="N", help="which face, 1 is the largest (default: the largest)"
    )
    parser.add_argument(
        "--detector",
        default=DEFAULT_DETECTOR,
        metavar="NAME",
        help="what finds the face: mediapipe or face-alignment (default: %(default)s)",
    )


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add which engine renders, and where."""
    parser.add_argument(
        "--engine", default=DEFAULT_ENGINE, metavar="NAME", help="engine (default: %(default)s)"
    )
    parser.add_argument(
        "--device",
        default="auto",
        choices=DEVICES,
        help="where to compute (default: a GPU where there is one)",
    )


def add_own_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that engines have besides the general ones."""
    for engine in descriptions():
        engine.add_arguments(parser)


def add_size_option(parser: argparse.ArgumentParser) -> None:
    """Add the size of the frames."""
    parser.add_argument(
        "--size", type=int, metavar="N", help="long side of the frames in pixels (default: photo's)"
    )


def add_range(parser: argparse.ArgumentParser) -> None:
    """Add the seconds of a video or sound that are to be read."""
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="from this second on")
    parser.add_argument("--end", type=float, metavar="S", help="up to this second")


def add_json_progress(parser: argparse.ArgumentParser) -> None:
    """Add the machine-readable progress."""
    parser.add_argument(
        "--json-progress", action="store_true", help="print one JSON object a line for each step"
    )


def engine_settings(args: argparse.Namespace) -> EngineSettings:
    """Read the settings of an engine from parsed arguments.

    Raises
    ------
    UsageError
        When a number is out of its range.
    """
    from heat_backend.engines.protocol import EngineSettings

    if args.size is not None and not SMALLEST_FRAME <= args.size <= LARGEST_FRAME:
        raise UsageError(
            f"--size {args.size}: give the long side in pixels, "
            f"from {SMALLEST_FRAME} to {LARGEST_FRAME}"
        )
    check_face(args.face)
    return EngineSettings(
        size=args.size,
        device=args.device,
        face=args.face,
        detector=args.detector,
        neutralise=args.neutralise,
        options=own_engine_options(args, getattr(args, "engine", DEFAULT_ENGINE)),
    )


def own_engine_options(args: argparse.Namespace, engine: str) -> object:
    """Read the options that an engine has besides the general ones, as far as the command has them.

    Raises
    ------
    UsageError
        When there is no engine of that name.
    """
    described = describe(engine)
    names = [one.name for one in described.option_list()]
    return described.read_options({n: getattr(args, n) for n in names if n in args})


def check_face(face: int | None) -> None:
    """Refuse a face number below 1.

    Raises
    ------
    UsageError
        When it is.
    """
    if face is not None and face < 1:
        raise UsageError(f"--face {face}: faces are counted from 1, the largest")


def check_new_file(path: Path, *read: Path, option: str = "--out") -> None:
    """Check where a file is to be written, before work begins.

    Parameters
    ----------
    path : Path
    *read : Path
        Files that the command reads, and would lose.
    option : str
        What names the file.

    Raises
    ------
    UsageError
        When it is one of them.
    BadInput
        When there is no such folder, or a folder has that name.
    """
    for other in read:
        if path.resolve() == other.resolve():
            raise UsageError(f"{option} {path}: that is a file to be read; name another")
    if path.is_dir():
        raise BadInput(f"{path} is a folder: choose another name for the file")
    if not path.absolute().parent.is_dir():
        raise BadInput(f"there is no folder {path.absolute().parent}: make it, or choose another")


def clip_target(path: Path, *read: Path) -> Path:
    """Check where a motion clip is to be written, before work begins; as :func:`check_new_file`.

    Raises
    ------
    UsageError
        Also when it does not end in .npz.
    """
    if path.suffix.lower() != ".npz":
        raise UsageError(f"--out {path}: a motion clip's name ends in .npz")
    check_new_file(path, *read)
    return path


def frames_told(count: int) -> str:
    """Put a number of frames into words."""
    return f"{count} frame" if count == 1 else f"{count} frames"


def frame_range(text: str | None, count: int) -> range:
    """Read ``A-B``, ``A-``, ``-B`` or ``A``, counted from 1, both ends included.

    Parameters
    ----------
    text : str or None
        None means all frames.
    count : int
        Number of frames in the clip.

    Returns
    -------
    range
        Indices from 0; it may reach beyond the clip, which the export refuses.

    Raises
    ------
    UsageError
        When it is not such a range.
    """
    if text is None:
        return range(count)
    found = re.fullmatch(r"\s*(\d+)?\s*(-)?\s*(\d+)?\s*", text)
    if found is None or (found[1] is None and found[3] is None) or (found[3] and not found[2]):
        raise UsageError(f"--frames {text}: give a range such as 1-48, counted from 1")
    first = int(found[1]) if found[1] else 1
    last = int(found[3]) if found[3] else (count if found[2] else first)
    if first < 1 or last < first:
        raise UsageError(f"--frames {text}: frames are counted from 1, the first before the last")
    return range(first - 1, last)
