# SPDX-License-Identifier: GPL-3.0-or-later
"""A page of every edit at two thirds of its range either way, still and moving, to be looked at.

``python -m tools.measures.edit_sheet PORTRAIT OUT.png [--size N] [--moving]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bridge.coefficients import Coefficients
from bridge.edits import EDITS, GROUPS
from heat_backend.engines.protocol import Portrait
from heat_backend.media.photo import load_photo
from tools.measures.tracking import warp_portrait

CELL = 200
LABEL = 14
CELLS = 8  # in a row of the page
SHARE = 2.0 / 3.0
MOVING = {"expression": {"jawOpen": 0.5, "mouthSmileLeft": 0.4}, "rotation": (0.05, 0.3, 0.0)}


def draw_page(
    portrait: Portrait,
    box: tuple[int, int, int, int],
    group: str,
    moving: bool = False,
    shares: Sequence[float] = (-SHARE, SHARE),
) -> NDArray[np.uint8]:
    """Draw the page of one group of edits.

    Parameters
    ----------
    portrait : Portrait
    box : tuple of int
        Left, top, right, bottom of what is shown of the frames.
    group : str
        One of ``bridge.edits.GROUPS``.
    moving : bool
        Turned and speaking instead of still.
    shares : sequence of float
        Which values of each edit: shares of its range below and above 0, -1..1.
    """
    edits = [edit for edit in EDITS if edit.group == group and not edit.raw]
    across = CELLS // len(shares)
    rows, tall = -(-len(edits) // across), round(CELL * (box[3] - box[1]) / (box[2] - box[0]))
    page = Image.new("RGB", (across * len(shares) * CELL, rows * (tall + LABEL)), "white")
    draw = ImageDraw.Draw(page)
    pose = MOVING if moving else {}
    for k, edit in enumerate(edits):
        x, y = k % across * len(shares) * CELL, k // across * (tall + LABEL)
        for n, share in enumerate(shares):
            value = share * (edit.high if share > 0.0 else -edit.low)
            shown = Coefficients.of(**pose, edits={edit.name: value})  # type: ignore[arg-type]
            frame = Image.fromarray(np.ascontiguousarray(portrait.render(shown)[..., :3]))
            cell = frame.crop(box).resize((CELL, tall), Image.Resampling.LANCZOS)
            page.paste(cell, (x + n * CELL, y + LABEL))
            text = f"{edit.name} {value:+.2g}" if share else "the photo"
            draw.text((x + n * CELL + 2, y), text, fill="black")
    return np.asarray(page)


def main() -> int:
    """Draw the pages of all groups into OUT_shape.png and so on."""
    parser = argparse.ArgumentParser(description="Draw every edit at its extremes.")
    parser.add_argument("portrait", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, help="long side of the frames (default: photo's)")
    parser.add_argument("--moving", action="store_true", help="turned and speaking")
    args = parser.parse_args()
    photo = load_photo(args.portrait)
    portrait = warp_portrait(photo, args.size)
    side = min(portrait.width, portrait.height)
    left, top = (portrait.width - side) // 2, (portrait.height - side) // 3
    for group in GROUPS:
        page = draw_page(portrait, (left, top, left + side, top + side), group, args.moving)
        Image.fromarray(page).save(args.out.with_name(f"{args.out.stem}_{group}.png"))
    for note in portrait.notes:
        print(note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
