# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills exports at random moments, takes power away from what was not synced, and resumes them.

    python -m tools.endurance.kills --portrait photo.jpg --kills 100

At the end the frames and the movie must be those of an undisturbed run, byte by byte, and the
files of others in the folder untouched. A power cut is simulated by cutting the side files of the
export, which are not synced, at a random length; a finished file is synced before it has its name.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bridge import motion_clip
from bridge.coefficients import EXPRESSION_COUNT, EXPRESSION_INDEX
from bridge.motion_clip import MotionClip

FRAMES = 120
SIDE = 256  # pixels
FOREIGN = ("notes.txt", "frame_zero.png", ".take.heat-part-of-mine")


@dataclass(frozen=True)
class KillResult:
    """What the kills did.

    Attributes
    ----------
    kills : int
        Of runs that had not finished by themselves.
    runs : int
        Until every export was whole.
    damaged : tuple of str
        Files that differ from those of the undisturbed run, or are missing.
    foreign : tuple of str
        Files of others that were changed.
    """

    kills: int
    runs: int
    damaged: tuple[str, ...]
    foreign: tuple[str, ...]


def clip_file(path: Path) -> None:
    """Write a clip of a mouth that opens and closes."""
    expression = np.zeros((FRAMES, EXPRESSION_COUNT), np.float32)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.5 - 0.5 * np.cos(np.arange(FRAMES) / 5.0)
    still = np.zeros((FRAMES, 3), np.float32)
    motion_clip.save(MotionClip(24.0, expression, still, still), path)


def command(portrait: Path, clip: Path, out: Path) -> list[str]:
    """Return the command that renders, or goes on rendering."""
    return [sys.executable, "-m", "heat_backend", "render", "--portrait", str(portrait),
            "--motion", str(clip), "--out", str(out), "--size", str(SIDE), "--resume"]  # fmt: skip


def cut_power(folder: Path, chance: random.Random) -> None:
    """Cut the side files of unfinished exports, as a power cut may leave what was not synced."""
    for work in folder.glob(".*.heat-part"):
        for path in work.iterdir():
            if path.is_file() and path.suffix in (".part", ".h264", ".index", ".mp4"):
                with path.open("r+b") as file:
                    file.truncate(chance.randrange(path.stat().st_size + 1))


def kill_exports(portrait: Path, kills: int, seed: int) -> KillResult:
    """Kill exports of frames and of movies, by turns, until so many were killed."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clip = folder / "clip.npz"
        clip_file(clip)
        truth = folder / "truth"
        truth.mkdir()
        began = time.monotonic()
        for name in ("take", "take.mp4"):
            subprocess.run(command(portrait, clip, truth / name), check=True, capture_output=True)
        seconds = (time.monotonic() - began) / 2.0
        done, runs, round_number = 0, 0, 0
        damaged: list[str] = []
        foreign: list[str] = []
        while done < kills:
            round_number += 1
            out = folder / f"out{round_number}"
            out.mkdir()
            (out / "take").mkdir()
            for name in FOREIGN:
                (out / name).write_text("mine")
                (out / "take" / name).write_text("mine")
            for name in ("take", "take.mp4"):
                while True:
                    runs += 1
                    process = subprocess.Popen(
                        command(portrait, clip, out / name),
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    )  # fmt: skip
                    try:
                        process.wait(chance.uniform(0.2, 1.0) * seconds)
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                        process.wait()
                        done += 1
                        if chance.random() < 0.5:
                            cut_power(out, chance)
                        continue
                    if process.returncode:
                        damaged.append(f"{name}: the command failed ({process.returncode})")
                    break
            damaged += _differences(truth, out)
            for name in FOREIGN:
                for path in (out / name, out / "take" / name):
                    if not path.is_file() or path.read_text() != "mine":
                        foreign.append(path.name)
        return KillResult(done, runs, tuple(damaged), tuple(foreign))


def _differences(truth: Path, out: Path) -> list[str]:
    """Name the files of ``truth`` that are missing or other in ``out``; movies by their frames."""
    found = []
    for path in sorted(truth.rglob("*")):
        other = out / path.relative_to(truth)
        if path.suffix == ".png" and (
            not other.is_file() or path.read_bytes() != other.read_bytes()
        ):
            found.append(str(path.relative_to(truth)))
    if _frame_count(truth / "take.mp4") != _frame_count(out / "take.mp4"):
        found.append("take.mp4")
    left = [path.name for path in out.glob(".*.heat-part")]
    return found + left


def _frame_count(movie: Path) -> tuple[int, str]:
    """Return the number of frames that decode, and a digest of their sizes."""
    import av

    digest, count = hashlib.sha256(), 0
    with av.open(str(movie)) as container:
        for frame in container.decode(video=0):
            digest.update(f"{frame.width}x{frame.height}".encode())
            count += 1
    return count, digest.hexdigest()[:8]


def main() -> None:
    """Kill exports and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    result = kill_exports(args.portrait, args.kills, args.seed)
    print(f"{result.kills} kills in {result.runs} runs")
    print(f"  damaged: {', '.join(result.damaged) or 'none'}")
    print(f"  foreign files changed: {', '.join(result.foreign) or 'none'}")


if __name__ == "__main__":
    main()
