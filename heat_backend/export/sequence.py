# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of PNG files, one per frame; each names the shot it belongs to in its metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.whole_file import replace_file
from heat_backend.export.png import encode_png, read_texts
from heat_backend.export.shot import Shot
from heat_backend.export.work_folder import WorkFolder
from heat_backend.export.write_errors import Occupied, writing

_FRAME_NAME = re.compile(r"frame_\d{6,}\.png")
_SHOT_KEYWORD = "Heat-Shot"


def frame_path(folder: Path, index: int) -> Path:
    """Name the file of frame ``index`` of the clip (from 0); names count from 1."""
    return folder / f"frame_{index + 1:06d}.png"


class Sequence:
    """Writes frames of one shot into a folder; may be called from several threads."""

    def __init__(self, folder: Path, work: WorkFolder, shot: Shot) -> None:
        self._folder = folder
        self._work = work
        self._texts = {**shot.provenance.png_texts(), _SHOT_KEYWORD: shot.key}
        self._xmp = shot.provenance.xmp()

    def write(self, index: int, pixels: NDArray[np.uint8]) -> None:
        """Write one frame; its file appears whole or not at all."""
        target = frame_path(self._folder, index)
        part = self._work.path / f"{target.name}.part"
        with writing(target):
            try:
                part.write_bytes(encode_png(pixels, self._texts, self._xmp))
                replace_file(part, target)
            except OSError:
                part.unlink(missing_ok=True)
                raise


def frames_present(folder: Path, shot: Shot) -> tuple[set[str], set[str]]:
    """Names of the frame files in ``folder``: those of this shot, and all others."""
    own: set[str] = set()
    foreign: set[str] = set()
    with writing(folder):
        names = [file.name for file in folder.iterdir() if _FRAME_NAME.fullmatch(file.name)]
    for name in names:
        try:
            texts = read_texts(folder / name) or {}
        except OSError:
            texts = {}
        (own if texts.get(_SHOT_KEYWORD) == shot.key else foreign).add(name)
    return own, foreign


def frames_to_render(
    folder: Path, shot: Shot, frames: Iterable[int], *, resume: bool, overwrite: bool
) -> list[int]:
    """Which of ``frames`` are still to be rendered.

    Raises
    ------
    Occupied
        When frames of another shot stand in the folder and may not be replaced.
    """
    own, foreign = frames_present(folder, shot)
    if foreign and not overwrite:
        example = min(foreign)
        changed = "; were portrait, clip or settings changed since?" if resume else ""
        raise Occupied(
            f"{folder} holds frames of another shot ({example}{changed})", "another folder"
        )
    return [index for index in frames if not resume or frame_path(folder, index).name not in own]
