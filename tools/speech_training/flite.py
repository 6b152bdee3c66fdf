# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech with segment times from flite, whose voices were made of recorded people."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, MissingHere

NEEDS = "flite 2.x is needed: sudo apt install flite"
VOICES = ("slt", "rms", "awb", "kal16")
SECONDS = 60  # for a text, before flite is stopped


@dataclass(frozen=True, eq=False)
class Segmented:
    """Synthesised speech and its segments.

    Attributes
    ----------
    samples : (N,) float32
        -1..1.
    rate : int
        Samples a second.
    segments : tuple of (ARPAbet name, second of its end)
    """

    samples: NDArray[np.float32]
    rate: int
    segments: tuple[tuple[str, float], ...]


def say(text: str, voice: str, stretch: float = 1.0, pitch: float | None = None) -> Segmented:
    """Speak one English text.

    Parameters
    ----------
    text : str
    voice : str
        One of ``VOICES``.
    stretch : float
        How many times as long as usual.
    pitch : float, optional
        Mean of the fundamental, Hz.

    Raises
    ------
    MissingHere
        flite is not installed.
    BadInput
        It failed.
    """
    program = shutil.which("flite")
    if program is None:
        raise MissingHere(NEEDS)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.wav"
        command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
        if pitch is not None:
            command += ["--setf", f"int_f0_target_mean={pitch:.1f}"]
        command += ["-psdur", "-t", text, "-o", str(out)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder
        )
        if done.returncode != 0 or not out.is_file():
            raise BadInput(f"flite failed: {' '.join(done.stderr.split())[:200]}")
        with wave.open(str(out)) as file:
            rate = file.getframerate()
            raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    segments = []
    for word in done.stdout.split():
        name, _, end = word.partition(":")
        if end:
            segments.append((name, float(end)))
    return Segmented(raw.astype(np.float32) / 32768.0, rate, tuple(segments))
