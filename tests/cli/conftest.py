# SPDX-License-Identifier: GPL-3.0-or-later
"""Portraits and clips as files, and the command line as a function."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge import motion_clip
from bridge.coefficients import EXPRESSION_INDEX
from heat_backend.cli.main import main
from tests import stand_in_engine

ROOT = Path(__file__).resolve().parents[2]
WITH_STAND_IN = (
    "import sys\n"
    "from tests import stand_in_engine\n"
    "from heat_backend.cli.main import main\n"
    "stand_in_engine.register()\n"
    "sys.exit(main())\n"
)


@dataclass(frozen=True)
class Answer:
    """What a command left: its status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of a failure; more lines, or a traceback, fail the test."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: ")
        return lines[0]


@pytest.fixture
def heat(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command line in this process, with the stand-in engine on offer."""
    stand_in_engine.register()

    def run(*arguments: object) -> Answer:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # --help and --version
            status = int(leaving.code or 0)
        captured = capfd.readouterr()
        return Answer(status, captured.out, captured.err)

    return run


def start_heat(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, with the stand-in engine on offer."""
    return subprocess.Popen(
        [sys.executable, "-c", WITH_STAND_IN, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    y, x = np.mgrid[0:64, 0:96]
    path = tmp_path / "Zoë, 2 Jahre.png"
    Image.fromarray(np.dstack([x * 2, y * 3, np.full_like(x, 90)]).astype(np.uint8)).save(path)
    return path


def save_clip(path: Path, frames: int, fps: float = 24.0) -> Path:
    """Write a clip in which jawOpen is a hundredth of the frame's index."""
    expression = np.zeros((frames, 52), np.float32)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.01 * np.arange(frames)
    still = np.zeros((frames, 3), np.float32)
    motion_clip.save(motion_clip.MotionClip(fps, expression, still, still), path)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return save_clip(tmp_path / "motion ü.npz", 10, 24000 / 1001)
