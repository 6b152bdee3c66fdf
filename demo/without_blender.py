# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo where no Blender is: the same shots as clips and movies, without the .blend files.

Channels are read along curves that pass their keys without overshoot, which is nearly what
Blender's clamped handles do. The lamp's way becomes the direction of the light.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bridge import motion_clip
from bridge.coefficients import EXPRESSION_NAMES
from demo.blender_run import ROOT, DemoError, Steps
from demo.look import LAMP, look
from demo.performance import Key, performance

FPS = 24


def perform(photo: Path, making: Path, log: Path, steps: Steps) -> None:
    """Make the clips and render each onto the photo.

    Parameters
    ----------
    photo : path
        The photo.
    making : path
        The folder to write to; ``spoken.wav`` lies there.
    log : path
        Everything the commands say.
    steps : Steps
        Told of its progress.

    Raises
    ------
    DemoError
        If a command fails; carries the last line it gave.
    """
    log.write_text("", "utf-8")
    motion_clip.save(performed(performance().seconds), making / "demo.npz")
    motion_clip.save(performed(look().seconds, edited=True), making / "edited.npz")
    render = ("render", "--neutralise", "--portrait", photo)
    for name in ("demo", "edited", "spoken", "filmed"):
        clip = making / f"{name}.npz"
        if name == "spoken":
            heat(log, "speak", making / "spoken.wav", "--life", "--out", clip)
        if name == "filmed":
            heat(log, "track", making / "demo.mp4", "--out", clip)
        steps.hear(f"{name}.mp4")
        movie = making / f"{name}.mp4"
        heat(log, *render, "--motion", clip, "--audio", "none", "--out", movie)


def performed(seconds: float, edited: bool = False) -> motion_clip.MotionClip:
    """Sample the performance, and the look on request, at 24 frames a second."""
    times = np.arange(round(seconds * FPS)) / FPS
    shot = performance()
    expression = _sampled(shot.expression, EXPRESSION_NAMES, times)
    turns = {axis: tuple((s, angles[axis]) for s, angles in shot.head) for axis in range(3)}
    rotation = np.stack([_curve(turns[axis], times) for axis in range(3)], axis=1)
    edits: Mapping[str, tuple[Key, ...]] = {}
    if edited:
        edits = {**look().edits, "light_direction_yaw": LAMP}
    return motion_clip.MotionClip(
        fps=float(FPS),
        expression=np.clip(expression, 0.0, 1.0),
        rotation=rotation,
        translation=np.zeros((len(times), 3), np.float32),
        edits=_sampled(edits, tuple(edits), times) if edits else None,
        edit_names=tuple(edits),
        source="performance",
    )


def _sampled(
    channels: Mapping[str, tuple[Key, ...]], names: tuple[str, ...], times: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Values of the named channels, (T, N); 0 where there is no such channel."""
    return np.stack([_curve(channels.get(name, ((0.0, 0.0),)), times) for name in names], axis=1)


def _curve(keys: tuple[Key, ...], times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Read a channel's keys at some seconds, (T,); held outside them."""
    seconds, values = (np.asarray(column, float) for column in zip(*keys, strict=True))
    if len(seconds) == 1:
        return np.full(len(times), values[0], np.float32)
    inside = np.clip(times, seconds[0], seconds[-1])
    return np.asarray(PchipInterpolator(seconds, values)(inside), np.float32)


def heat(log: Path, *arguments: str | Path) -> None:
    """Run a command of Heat; what it says is added to the log."""
    done = subprocess.run(
        [sys.executable, "-m", "heat_backend", *map(str, arguments)],
        cwd=ROOT, text=True, encoding="utf-8", errors="replace", check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    with log.open("a", encoding="utf-8") as kept:
        kept.write(done.stdout)
    if done.returncode != 0:
        said = done.stdout.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise DemoError(f"{said[-1]}\n(everything it said: {log})")
