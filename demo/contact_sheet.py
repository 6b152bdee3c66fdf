# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie on one page: frames at even steps, each under its time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from heat_backend.detect.detector import make_detector
from heat_backend.export.provenance import Provenance, write_picture
from heat_backend.media.container import open_media

PAPER = (22, 23, 26)
INK = (235, 235, 232)
FAINT = (150, 152, 156)


@dataclass(frozen=True)
class Still:
    """One frame of the movie: its number from 1, its second, its picture."""

    number: int
    second: float
    picture: Image.Image


def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Take the system's DejaVu where there is one; Pillow's own font lacks umlauts."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def read_stills(movie: Path, count: int) -> tuple[list[Still], float]:
    """Decode a movie and keep frames at even steps, the first and the last among them.

    Returns
    -------
    (list of Still, float)
        The frames and the movie's rate in frames per second.
    """
    with open_media(movie) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 24)
        pictures = [frame.to_image() for frame in container.decode(stream)]
    count = min(count, len(pictures))
    chosen = [round(i * (len(pictures) - 1) / max(count - 1, 1)) for i in range(count)]
    return [Still(i + 1, i / rate, pictures[i]) for i in chosen], rate


def closeup(picture: Image.Image) -> tuple[int, int, int, int]:
    """Choose what the sheet shows of every frame: the head with room to move.

    Returns
    -------
    (int, int, int, int)
        Left, top, right, bottom in pixels; the whole picture where the face fills it or is
        not found.
    """
    faces = make_detector("mediapipe").detect(np.asarray(picture.convert("RGB")))
    if not faces:
        return (0, 0, *picture.size)
    x, y, width, height = faces[0].box
    half = 1.05 * max(width, height)
    across, down = x + width / 2, y + 0.45 * height
    box = (across - half, down - half, across + half, down + half)
    left, top, right, bottom = (
        round(min(max(0, edge), limit)) for edge, limit in zip(box, picture.size * 2, strict=True)
    )
    return left, top, right, bottom


def contact_sheet(
    movie: Path, out: Path, title: str, *, columns: int = 6, rows: int = 4, cell: int = 280
) -> None:
    """Write the sheet as a PNG: close-ups of the face, each under its time.

    Parameters
    ----------
    movie : Path
        The movie to lay out.
    out : Path
        The PNG to write.
    title : str
        The line over the frames.
    columns, rows, cell : int
        The grid, and the width of one picture in pixels.
    """
    stills, rate = read_stills(movie, columns * rows)
    width, height = stills[0].picture.size
    box = closeup(stills[0].picture)
    tall = round(cell * (box[3] - box[1]) / (box[2] - box[0]))
    gap, label, head = 14, 26, 80
    sheet = Image.new(
        "RGB", (gap + columns * (cell + gap), head + rows * (tall + label + gap)), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, 14), title, font=font(24), fill=INK)
    small = font(13)
    part = "" if box == (0, 0, width, height) else "close-ups of "
    about = f"{part}{movie.name}, {width} x {height}, {rate:g} frames a second"
    draw.text((gap, 50), about, font=small, fill=FAINT)
    for index, still in enumerate(stills):
        left = gap + (index % columns) * (cell + gap)
        top = head + (index // columns) * (tall + label + gap)
        view = still.picture.crop(box).resize((cell, tall), Image.Resampling.LANCZOS)
        sheet.paste(view, (left, top))
        draw.text((left, top + tall + 5), f"{still.second:.2f} s", font=small, fill=INK)
        frame = f"frame {still.number}"
        inset = cell - draw.textlength(frame, font=small)
        draw.text((left + inset, top + tall + 5), frame, font=small, fill=FAINT)
    write_picture(out, np.asarray(sheet), Provenance("one photo animated"))


def pairs_sheet(rows: list[tuple[str, Path]], out: Path, title: str, *, columns: int = 9) -> None:
    """Write movies below each other as a PNG, the same moments above each other.

    Parameters
    ----------
    rows : list of (label, movie)
    out : Path
        The PNG to write.
    title : str
        The line over the frames.
    columns : int
        Frames of each movie.
    """
    cell, gap, label, head = 190, 8, 30, 56
    box = None
    bands = []
    for name, movie in rows:
        stills, _ = read_stills(movie, columns)
        box = box or closeup(stills[0].picture)
        tall = round(cell * (box[3] - box[1]) / (box[2] - box[0]))
        bands.append(
            (
                name,
                [
                    s.picture.crop(box).resize((cell, tall), Image.Resampling.LANCZOS)
                    for s in stills
                ],
            )
        )
    step = label + bands[0][1][0].height + gap
    sheet = Image.new("RGB", (gap + columns * (cell + gap), head + len(bands) * step), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, 14), title, font=font(22), fill=INK)
    for row, (name, pictures) in enumerate(bands):
        top = head + row * step
        draw.text((gap, top + 6), name, font=font(13), fill=FAINT)
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (gap + column * (cell + gap), top + label))
    write_picture(out, np.asarray(sheet), Provenance("one photo animated"))
