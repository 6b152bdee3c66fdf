# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat invert``: find a portrait in the generator beforehand, and look at what was found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import UsageError
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress
from heat_backend.engines.protocol import CancelCheck
from heat_backend.styleheat.description import DESCRIPTION, StyleHeatOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, required=True, metavar="IMG", help="the photo")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PREVIEW.png",
        help="the reconstruction, written anew as it gets better",
    )
    DESCRIPTION.add_arguments(parser, ("inversion",))
    parser.add_argument(
        "--device", default="auto", choices=options.DEVICES, help="where to compute"
    )
    options.add_face_options(parser)
    options.add_json_progress(parser)


def run(args: argparse.Namespace) -> int:
    """Invert, keep the inversion for later renders, and say where the preview is."""
    if args.out.suffix.lower() != ".png":
        raise UsageError(f"--out {args.out}: name a file that ends in .png")
    options.check_new_file(args.out, args.portrait)
    progress = Progress(args.json_progress)
    try:
        with stop_request() as stopped, native_logs_hidden(not args.debug):
            notes = _invert(args, _Watching(progress, args.out), stopped)
    finally:
        progress.clear()
    progress.finish(out=str(args.out), notes=notes)
    if not args.json_progress:
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        print(args.out)
    return 0


class _Watching:
    """Shows progress, and writes the reconstruction whenever there is a newer one."""

    def __init__(self, progress: Progress, out: Path) -> None:
        self._progress = progress
        self._out = out

    def __call__(self, what: str, fraction: float) -> None:
        self._progress.preparing(what, fraction)

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """Write the reconstruction (H, W, 3), whole or not at all."""
        from heat_backend.engines.protocol import TRAINED_ALGORITHMIC
        from heat_backend.export.provenance import Provenance, write_picture

        made = Provenance("a portrait drawn anew", "styleheat", TRAINED_ALGORITHMIC)
        write_picture(self._out, pixels, made)


def _invert(args: argparse.Namespace, watching: _Watching, stopped: CancelCheck) -> tuple[str, ...]:
    from heat_backend.engines.protocol import EngineSettings
    from heat_backend.engines.registry import make_engine
    from heat_backend.media.photo import load_photo

    options.check_face(args.face)
    settings = EngineSettings(
        device=args.device,
        face=args.face,
        detector=args.detector,
        options=StyleHeatOptions(inversion=args.inversion),
    )
    portrait = make_engine(DESCRIPTION.name).prepare(
        load_photo(args.portrait), settings, watching, stopped
    )
    return portrait.notes
