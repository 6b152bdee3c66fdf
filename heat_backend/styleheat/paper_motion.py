# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions for a render: our clips, or clips in the paper's own values, under one roof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge import motion_clip
from bridge.coefficients import Coefficients
from bridge.errors import UsageError
from bridge.motion_clip import MotionClip
from heat_backend.engine import CancelCheck, FrameDrawer, Portrait, never
from heat_backend.styleheat.paper_clip import SUFFIXES, load_paper_clip

PAPER_FPS = 25.0  # at which the published extraction runs


@dataclass(frozen=True)
class Motion:
    """What ``--motion`` named.

    Attributes
    ----------
    clip : MotionClip
        Of a motion in the paper's values, only its length and rate mean something.
    vectors : ndarray, shape (T, 73), or None
        The motion in the paper's values.
    """

    clip: MotionClip
    vectors: NDArray[np.float32] | None = None

    @property
    def key(self) -> str:
        """What tells shots of different vectors apart; empty for our clips, which tell it."""
        if self.vectors is None:
            return ""
        return "-" + hashlib.sha256(np.ascontiguousarray(self.vectors).data).hexdigest()[:16]

    def onto(self, portrait: Portrait) -> Portrait:
        """Return the portrait as this motion drives it.

        Raises
        ------
        UsageError
            When the portrait's engine does not understand the paper's values.
        """
        if self.vectors is None:
            return portrait
        if not hasattr(portrait, "vector_drawer"):
            raise UsageError(
                "a motion in the paper's values (.npy, .mat) needs --engine styleheat; "
                "for other engines give an .npz clip"
            )
        return PaperPortrait(portrait, self.vectors)


class PaperPortrait:
    """A portrait that a motion in the paper's values drives, whatever the clip says."""

    def __init__(self, portrait: Any, vectors: NDArray[np.float32]) -> None:
        self._portrait = portrait
        self._vectors = vectors
        self.width: int = portrait.width
        self.height: int = portrait.height
        self.notes: tuple[str, ...] = portrait.notes

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame by coefficients, as the portrait does."""
        frame: NDArray[np.uint8] = self._portrait.render(coefficients, out)
        return frame

    def clip_drawer(self, clip: MotionClip, cancelled: CancelCheck = never) -> FrameDrawer:
        """Return what draws frame i of the motion."""
        draw: FrameDrawer = self._portrait.vector_drawer(self._vectors)
        return draw


def load_motion(path: Path) -> Motion:
    """Read a motion clip, ours or (``.npy``, ``.mat``) in the paper's values.

    Raises
    ------
    BadInput
        When it cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES:
        return Motion(motion_clip.load(path))
    vectors = load_paper_clip(path)
    count = len(vectors)
    still = np.zeros((count, 52), np.float32), np.zeros((count, 3), np.float32)
    return Motion(MotionClip(PAPER_FPS, still[0], still[1], still[1], source=path.name), vectors)
