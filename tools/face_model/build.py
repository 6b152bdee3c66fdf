# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds ``bridge/face_model.npz``; run by hand when the model changes.

``python -m tools.face_model.build --ict ICT_NPZ --out bridge/face_model.npz``

The result is the same byte for byte from the same kit on machines of one type. It reads
the kit and ``landmarks.json``, which ``tools.face_model.embed`` makes.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge import npz_file
from bridge.coefficients import EXPRESSION_NAMES
from heat_backend.cli.script import run_script
from tools.face_model import assemble, eyes, landmarks, lids, lips, mouth, skin, tongue
from tools.face_model.kit import Kit, read_kit

COMPONENTS = 50
LANDMARK_TABLE = Path(__file__).with_name("landmarks.json")


def authored(kit: Kit, openings: skin.Openings) -> Kit:
    """Return the kit with what the source lacks.

    Lips that meet whoever it is, lids that close, a tongue that rests and comes out.
    """
    loop, count = openings.lip_inner, openings.lip_upper_count
    seal = lips.LipSeal(kit, loop, count)
    neutral = seal.closed(kit.neutral, lips.OVERLAP)
    met = seal.closed(kit.neutral)
    identity = np.stack([seal.closed(met + offset) - met for offset in kit.identity])
    kit = dataclasses.replace(kit, neutral=neutral, identity=identity)
    expression = kit.expression.copy()
    index = EXPRESSION_NAMES.index
    for side, lid in (("Left", openings.lid_left), ("Right", openings.lid_right)):
        closed = lids.closed_blink(kit, lid, openings.lid_upper_count, side)
        expression[index(f"eyeBlink{side}")] = closed
    body = mouth.tongue_vertices(kit)
    expression[index("jawOpen")] = tongue.resting_jaw_open(kit, body)
    expression[index("tongueOut")] = tongue.tongue_out(kit, body, loop, count)
    return dataclasses.replace(kit, expression=expression)


def build(ict: Path, table: Path = LANDMARK_TABLE) -> dict[str, NDArray]:
    """Return all arrays of the file.

    Parameters
    ----------
    ict : Path
        ``ict_facekit_light.npz``.
    table : Path
        Landmark points.
    """
    raw = read_kit(ict, COMPONENTS)
    openings = skin.cut_openings(raw)
    kit = authored(raw, openings)
    balls = [eyes.fit_eye(kit, openings.lid_steps, side) for side in (1.0, -1.0)]
    parts = [
        skin.skin_part(kit, openings),
        mouth.mouth_socket(kit, openings),
        *mouth.teeth(kit),
        *mouth.gums_and_tongue(kit),
    ]
    for side, ball, loop in zip(
        ("left", "right"), balls, (openings.lid_left, openings.lid_right), strict=True
    ):
        parts.append(eyes.eyeball(ball, f"eye_{side}"))
        steps = openings.lid_steps
        parts.append(eyes.lid_margin(kit, ball, loop, steps, f"lid_margin_{side}"))
    mesh = assemble.join(kit, parts)
    triangle, weights = landmarks.place(kit, mesh, openings, landmarks.read_table(table))
    arrays = assemble.encode(kit, mesh, openings, balls)
    return arrays | {"landmark_triangle": triangle, "landmark_weights": np.abs(weights)}


def main() -> int:
    """Build the file and say how large it is."""
    parser = argparse.ArgumentParser(description="Build the shipped face model.")
    parser.add_argument("--ict", type=Path, required=True, help="ict_facekit_light.npz")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    args = parser.parse_args()
    arrays = build(args.ict)
    npz_file.write_npz(args.out, arrays)
    count = len(arrays["vertices"]), len(arrays["triangles"])
    print(f"{args.out}: {count[0]} vertices, {count[1]} triangles, {args.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    run_script(main)
