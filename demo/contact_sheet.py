# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie on one page: frames at even steps, each under its time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

PAPER = (22, 23, 26)
INK = (235, 235, 232)
FAINT = (150, 152, 156)


@dataclass(frozen=True)
class Still:
    """One frame of the movie: its number from 1, its second, its picture."""

    number: int
    second: float
    picture: Image.Image


def read_stills(movie: Path, count: int) -> tuple[list[Still], float]:
    """Decode a movie and keep frames at even steps, the first and the last among them.

    Returns
    -------
    (list of Still, float)
        The frames and the movie's rate in frames per second.
    """
    with av.open(str(movie)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 24)
        pictures = [frame.to_image() for frame in container.decode(stream)]
    count = min(count, len(pictures))
    chosen = [round(i * (len(pictures) - 1) / max(count - 1, 1)) for i in range(count)]
    return [Still(i + 1, i / rate, pictures[i]) for i in chosen], rate


def contact_sheet(
    movie: Path, out: Path, title: str, *, columns: int = 5, rows: int = 4, cell: int = 320
) -> None:
    """Write the sheet as a PNG.

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
    tall = round(cell * height / width)
    gap, label, head = 14, 26, 74
    sheet_size = (gap + columns * (cell + gap), head + rows * (tall + label + gap))
    sheet = Image.new("RGB", sheet_size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, 16), title, font=ImageFont.load_default(26), fill=INK)
    small = ImageFont.load_default(15)
    about = f"{movie.name}   {width} x {height}   {rate:g} frames a second"
    draw.text((gap, 48), about, font=small, fill=FAINT)
    for index, still in enumerate(stills):
        left = gap + (index % columns) * (cell + gap)
        top = head + (index // columns) * (tall + label + gap)
        sheet.paste(still.picture.resize((cell, tall), Image.Resampling.LANCZOS), (left, top))
        draw.text((left, top + tall + 5), f"{still.second:.2f} s", font=small, fill=INK)
        frame = f"frame {still.number}"
        draw.text((left + cell - draw.textlength(frame, font=small), top + tall + 5), frame,
                  font=small, fill=FAINT)  # fmt: skip
    sheet.save(out)
