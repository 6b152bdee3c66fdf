# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums of rendered frames, to prove that a change of the code changed no picture.

``python -m tools.measures.frame_hashes --portraits FOLDER --out HASHES.json [--clip CLIP.npz ...]``
renders every control of ``heat sheet`` on each portrait, some edits, and the clips on the first
portrait (``--clip-portrait`` names another); ``--against OTHER.json`` then names every frame that
differs and exits with 1. Compare only frames of one machine: they differ by rounding elsewhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bridge import motion_clip
from bridge.coefficients import Coefficients
from heat_backend.cli.control_sheet import shots
from heat_backend.engines.protocol import Portrait
from heat_backend.media.photo import load_photo
from tools.measures.tracking import warp_portrait

SUFFIXES = (".jpg", ".png")
SIZE = 768
EDITED = (
    {"jaw_width": 2.0},
    {"nose_width": -1.5, "eye_size": 1.5},
    {"skin_tone": -1.0, "hair_lightness": 1.0},
    {"light_amount": 1.0, "light_direction_yaw": 40.0},
)
"""Edits of every kind; rendered turned and speaking."""


def frames_of(portrait: Portrait) -> Iterator[tuple[str, Coefficients]]:
    """Yield the name and the coefficients of every frame that is compared."""
    seen: set[str] = set()
    for shot in shots():
        if shot.label not in seen:
            seen.add(shot.label)
            yield shot.label, shot.coefficients
    for edits in EDITED:
        shown = Coefficients.of(
            edits=edits,
            rotation=np.radians((4.0, 14.0, 0.0)),
            expression={"jawOpen": 0.5, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.6},
        )
        yield "edited " + " ".join(edits), shown


def checksum(frame: np.ndarray) -> str:
    """Hash of a frame's shape and bytes."""
    return hashlib.sha256(repr(frame.shape).encode() + frame.tobytes()).hexdigest()[:24]


def main() -> int:
    """Render, write the checksums, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--clip-portrait", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--size", type=int, default=SIZE)
    args = parser.parse_args()
    photos = sorted(p for p in args.portraits.iterdir() if p.suffix in SUFFIXES)
    found: dict[str, str] = {}
    for path in photos:
        portrait = warp_portrait(load_photo(path), args.size, "cpu")
        for label, coefficients in frames_of(portrait):
            found[f"{path.name}: {label}"] = checksum(portrait.render(coefficients))
        print(path.name, len(found), flush=True)
    if args.clip:
        photo = load_photo(args.clip_portrait or photos[0])
        portrait = warp_portrait(photo, args.size, "cpu")
        for clip_path in args.clip:
            clip = motion_clip.load(clip_path)
            for index in range(len(clip.expression)):
                name = f"{clip_path.name}: {index}"
                found[name] = checksum(portrait.render(clip.frame(index)))
            print(clip_path.name, len(found), flush=True)
    args.out.write_text(json.dumps(found, indent=0, sort_keys=True), "utf-8")
    if args.against is None:
        return 0
    before = json.loads(args.against.read_text("utf-8"))
    differ = sorted(
        key for key in before.keys() | found.keys() if before.get(key) != found.get(key)
    )
    for key in differ:
        print("differs:", key)
    print(f"{len(found)} frames, {len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
