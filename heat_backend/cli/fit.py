# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat fit``: shape, colours, light, expression, pose and camera of a photo's face, as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import UsageError
from bridge.whole_file import user_file
from heat_backend.cli import options
from heat_backend.cli.interrupt import stop_request, stoppable
from heat_backend.cli.native_logs import native_logs_hidden
from heat_backend.cli.progress import Progress

if TYPE_CHECKING:
    from heat_backend.edits.photo_fit import PhotoFit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--portrait", type=Path, required=True, metavar="IMG", help="the photo")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FIT.npz", help="where to write the fit"
    )
    parser.add_argument(
        "--size", type=int, metavar="N", help="fit at this long side in pixels (default: photo's)"
    )
    options.add_face_options(parser)
    options.add_json_progress(parser)
    parser.set_defaults(device="cpu", neutralise=False)


def run(args: argparse.Namespace) -> int:
    """Fit, write the file, and print a summary."""
    if args.out.suffix.lower() != ".npz":
        raise UsageError(f"--out {args.out}: a fit's name ends in .npz")
    options.check_new_file(args.out)
    progress = Progress(args.json_progress)
    try:
        return _fit(args, progress)
    finally:
        progress.clear()


def _fit(args: argparse.Namespace, progress: Progress) -> int:
    from bridge.face_model import load as load_model
    from bridge.fit_file import to_bytes
    from heat_backend.edits.photo_fit import file_fields, fit_photo
    from heat_backend.media.photo import load_photo

    settings = options.engine_settings(args)
    photo = load_photo(args.portrait)
    with stop_request() as stopped, native_logs_hidden(not args.debug):
        found = fit_photo(photo, settings, stoppable(progress.preparing, stopped))
    with user_file(args.out) as part:
        part.write_bytes(to_bytes(file_fields(found, photo.name, load_model())))
    progress.finish(out=str(args.out), notes=photo.notes)
    if not args.json_progress:
        for note in photo.notes:
            print(f"note: {note}", file=sys.stderr)
        print("\n".join((*_summary(found), str(args.out))))
    return 0


def _summary(found: PhotoFit) -> list[str]:
    """Return the fit's error, pose, strongest expressions and light as lines of text."""
    import numpy as np

    from bridge.coefficients import EXPRESSION_NAMES
    from bridge.pose import rotation_angles

    fit, light = found.fit, found.light
    pitch, yaw, roll = np.degrees(rotation_angles(fit.rotation))
    strongest = np.argsort(-fit.expression)[:3]
    shown = ", ".join(f"{EXPRESSION_NAMES[k]} {fit.expression[k]:.2f}" for k in strongest)
    x, y, z = light.direction
    return [
        f"landmarks are met within {100 * fit.error:.1f} % of the outer-eye distance",
        f"pose: pitch {pitch:+.1f}, yaw {yaw:+.1f}, roll {roll:+.1f} degrees; expression: {shown}",
        f"light from {np.degrees(np.arctan2(x, z)):+.0f} degrees to the picture's right and "
        f"{np.degrees(np.arcsin(np.clip(y, -1, 1))):+.0f} degrees up, "
        f"{light.strength / max(light.ambient, 1e-3):.1f} times what comes from all around",
    ]
