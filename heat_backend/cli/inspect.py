# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat inspect``: what is in a photo, and what would be hard about it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from heat_backend.cli import options
from heat_backend.cli.native_logs import native_logs_hidden

if TYPE_CHECKING:
    from heat_backend.geometry.face_landmarks import FaceLandmarks
    from heat_backend.media.photo import Photo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the photo")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options.add_face_options(parser)


def run(args: argparse.Namespace) -> int:
    """Inspect and print."""
    options.check_face(args.face)

    from heat_backend.detect.detector import make_detector
    from heat_backend.media.photo import load_photo

    photo = load_photo(args.image)
    with native_logs_hidden(not args.debug):
        faces = make_detector(args.detector).detect(photo.pixels)
    report = describe(photo, faces, args.face or 1)
    print(json.dumps(report, ensure_ascii=False) if args.json else _text(report))
    return 0


def describe(photo: Photo, faces: list[FaceLandmarks], number: int) -> dict[str, object]:
    """Collect what is known about one face of a photo.

    Raises
    ------
    BadInput
        When there is no face, or none of that number.
    """
    from heat_backend.cli.face_report import UNCHECKED, difficulties, lighting, pose_degrees
    from heat_backend.detect.detector import MIN_FACE_PX, numbered_face

    face = numbered_face(faces, number, photo.name)
    height, width = photo.pixels.shape[:2]
    return {
        "image": photo.name,
        "width": width,
        "height": height,
        "faces": len(faces),
        "face": number,
        "box": dict(
            zip(("left", "top", "width", "height"), (round(v, 1) for v in face.box), strict=True)
        ),
        "landmarks": len(face.points),
        "pose_degrees": {name: round(value, 1) for name, value in pose_degrees(face).items()},
        "face_px": round(face.size, 1),
        "outer_eye_px": round(face.outer_eye_distance, 1),
        "usable": face.size >= MIN_FACE_PX,
        "hard": [
            *difficulties(face, len(faces), width, height),
            *lighting(face, photo.pixels),
        ],
        "unchecked": UNCHECKED,
        "notes": list(photo.notes),
    }


def _text(report: dict[str, object]) -> str:
    box = report["box"]
    pose = report["pose_degrees"]
    assert isinstance(box, dict)
    assert isinstance(pose, dict)
    lines = [
        f"{report['image']}: {report['width']} x {report['height']} pixels, "
        f"face {report['face']} of {report['faces']}",
        f"box: left {box['left']:.0f}, top {box['top']:.0f}, "
        f"{box['width']:.0f} x {box['height']:.0f} pixels",
        f"landmarks: {report['landmarks']}, "
        f"outer eye corners {report['outer_eye_px']} pixels apart",
        f"pose: pitch {pose['pitch']:+.1f} (+ looks down), yaw {pose['yaw']:+.1f} (+ to the "
        f"picture's right), roll {pose['roll']:+.1f} (+ crown to the picture's left) degrees",
    ]
    hard = report["hard"]
    notes = report["notes"]
    assert isinstance(hard, list)
    assert isinstance(notes, list)
    lines += [f"hard: {text}" for text in hard or ("nothing found",)]
    lines += [f"note: {text}" for text in (*notes, report["unchecked"])]
    return "\n".join(lines)
