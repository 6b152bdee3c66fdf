# SPDX-License-Identifier: GPL-3.0-or-later
"""A sheet of every control at its extremes: the head, and close-ups of mouth and eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bridge.coefficients import EXPRESSION_NAMES, Coefficients
from heat_backend.engines.protocol import Portrait
from heat_backend.geometry.face_landmarks import FaceLandmarks

CELL = 224
COLUMNS = 8
GAP = 6
LABEL = 20
PAPER, INK = (24, 24, 27), (235, 235, 235)

TURNS = (
    ("yaw", 1, (-30, -20, -10, 10, 20, 30)),
    ("pitch", 0, (-15, -8, 8, 15)),
    ("roll", 2, (-20, -10, 10, 20)),
)
SIDEWAYS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")  # directions, not sides
SHIFTS = (("x", 0, (-0.3, 0.3)), ("y", 1, (-0.2, 0.2)), ("z", 2, (-1.5, 1.5)))


@dataclass(frozen=True)
class Shot:
    """One cell: what is asked for and which part of the frame shows it."""

    label: str
    coefficients: Coefficients
    view: str


def shots() -> list[Shot]:
    """Return every control at its extremes, both sides of a pair together."""
    found = [Shot("photo", Coefficients.zero(), view) for view in ("head", "eyes", "mouth")]
    for name, axis, angles in TURNS:
        for angle in angles:
            rotation = np.zeros(3)
            rotation[axis] = np.radians(angle)
            found.append(Shot(f"{name} {angle:+d}", Coefficients.of(rotation=rotation), "head"))
    for name, axis, offsets in SHIFTS:
        for offset in offsets:
            shift = np.zeros(3)
            shift[axis] = offset
            found.append(Shot(f"{name} {offset:+g}", Coefficients.of(translation=shift), "head"))
    for label, weights in _controls():
        view = "eyes" if label.startswith(("eye", "brow")) else "mouth"
        shown = Coefficients.of(expression=weights)
        found += [Shot(label, shown, view), Shot(label, shown, "head")]
    return found


def _controls() -> list[tuple[str, dict[str, float]]]:
    controls: list[tuple[str, dict[str, float]]] = []
    for name in EXPRESSION_NAMES:
        if name in SIDEWAYS:
            controls.append((name, {name: 1.0}))
        elif name.endswith("Left") and f"{name[:-4]}Right" in EXPRESSION_NAMES:
            pair = {name: 1.0, f"{name[:-4]}Right": 1.0}
            controls.append((name[:-4], pair))
            if name.startswith(("eyeBlink", "mouthSmile", "browDown")):
                controls.append((f"{name} alone", {name: 1.0}))
        elif name == "mouthClose":
            controls.append(("jawOpen + mouthClose", {"jawOpen": 0.7, "mouthClose": 0.7}))
        elif not name.endswith("Right"):
            controls.append((name, {name: 1.0}))
    return [*controls, ("jawOpen 0.7", {"jawOpen": 0.7})]


def draw_sheet(portrait: Portrait, face: FaceLandmarks, title: str) -> NDArray[np.uint8]:
    """Render all shots and lay them out.

    Parameters
    ----------
    portrait : Portrait
    face : FaceLandmarks
        In pixels of the portrait's frames.
    title : str

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
    """
    windows = _windows(face, portrait.width, portrait.height)
    wanted = shots()
    rows = -(-len(wanted) // COLUMNS)
    width = COLUMNS * (CELL + GAP) + GAP
    page = Image.new("RGB", (width, rows * (CELL + LABEL + GAP) + 2 * LABEL), PAPER)
    draw = ImageDraw.Draw(page)
    small = ImageFont.load_default(13)
    draw.text((GAP, 8), title, font=ImageFont.load_default(16), fill=INK)
    for n, shot in enumerate(wanted):
        frame = np.ascontiguousarray(portrait.render(shot.coefficients)[..., :3])
        cell = (
            Image.fromarray(frame)
            .crop(windows[shot.view])
            .resize((CELL, CELL), Image.Resampling.LANCZOS)
        )
        x = GAP + (n % COLUMNS) * (CELL + GAP)
        y = 2 * LABEL + (n // COLUMNS) * (CELL + LABEL + GAP)
        page.paste(cell, (x, y))
        draw.text((x + 2, y + CELL + 2), shot.label, font=small, fill=INK)
    return np.asarray(page)


def _windows(face: FaceLandmarks, width: int, height: int) -> dict[str, tuple[int, int, int, int]]:
    """Square crop boxes (left, top, right, bottom) of the views, inside the frame."""
    points = face.points[:, :2]
    unit = face.outer_eye_distance

    def square(middle: NDArray[np.floating], reach: float) -> tuple[int, int, int, int]:
        side = min(round(2 * reach * unit), width, height)
        left = int(np.clip(middle[0] - side / 2, 0, width - side))
        top = int(np.clip(middle[1] - side / 2, 0, height - side))
        return left, top, left + side, top + side

    return {
        "head": square(points[:468].mean(axis=0), 1.9),
        "eyes": square(points[[33, 263]].mean(axis=0), 0.72),
        "mouth": square(points[[61, 291]].mean(axis=0), 0.62),
    }
