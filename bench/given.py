# SPDX-License-Identifier: GPL-3.0-or-later
"""What every Blender of the benchmark is given: the zip, a photo, an interpreter."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import build_addon
from heat_backend.bench.collect import BenchSettings
from heat_backend.bench.subject import bench_photo

SIDE = 1024


@dataclass(frozen=True)
class Given:
    """Files for Blender.

    Attributes
    ----------
    folder : Path
        A place for settings, logs and numbers.
    package : Path
        The add-on's zip.
    photo : Path
        Head and shoulders, ``SIDE`` pixels square.
    """

    folder: Path
    package: Path
    photo: Path


def make_given(folder: Path) -> Given:
    """Build the zip and write the photo."""
    with contextlib.redirect_stdout(io.StringIO()):
        package = build_addon.build(folder)
    photo = folder / "photo.png"
    Image.fromarray(bench_photo(BenchSettings(), SIDE).pixels[..., :3]).save(photo)
    return Given(folder, package, photo)
