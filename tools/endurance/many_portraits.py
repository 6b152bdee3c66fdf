# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares portraits over and over in one backend, and shows what it holds meanwhile.

    python -m tools.endurance.many_portraits --photos FOLDER --rounds 50
    python -m tools.endurance.many_portraits --photos FOLDER --preview-hours 10

With ``--preview-hours`` one portrait is prepared and drawn at a changing pose instead.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bridge.client import Client
from bridge.coefficients import Coefficients
from bridge.errors import BadInput
from bridge.launch import BackendProcess
from bridge.portrait_source import EngineOptions, PortraitSource
from tools.endurance.process_state import ProcessState, process_state

FRAME_SIDE = 256  # pixels: what grows does not depend on it, and small frames are quick
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


def prepare_all(
    client: Client, photos: list[Path], pid: int, rounds: int
) -> Iterator[ProcessState]:
    """Prepare every photo, round after round, with one frame each; yield the state after each."""
    for _ in range(rounds):
        for photo in photos:
            try:
                client.prepare(PortraitSource(path=photo), options=EngineOptions(size=FRAME_SIDE))
                client.render(Coefficients.zero())
            except BadInput as error:  # a photo without a usable face belongs to it
                print(f"{photo.name}: {error}", file=sys.stderr)
        yield process_state(pid)


def preview(client: Client, photo: Path, pid: int, hours: float) -> Iterator[ProcessState]:
    """Draw frames of a head that turns and talks; yield the state every minute."""
    client.prepare(PortraitSource(path=photo), options=EngineOptions(size=512))
    end, number = time.monotonic() + 3600.0 * hours, 0
    while time.monotonic() < end:
        minute = time.monotonic() + 60.0
        while time.monotonic() < min(minute, end):
            phase = number / 24.0
            weights = {"jawOpen": 0.5 + 0.5 * math.sin(3.0 * phase), "eyeBlinkLeft": phase % 1.0}
            turn = (0.1 * math.sin(phase), 0.3 * math.sin(0.7 * phase), 0.0)
            client.render(Coefficients.of(expression=weights, rotation=turn))
            number += 1
        yield process_state(pid)


def main() -> None:
    """Run it and print a line a round, or a minute."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preview-hours", type=float, default=0.0)
    args = parser.parse_args()
    photos = sorted(p for p in args.photos.iterdir() if p.suffix.lower() in PICTURES)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "heat_backend", "serve"]
        backend = BackendProcess.start(command, {}, Path(folder) / "backend.log")
        try:
            with Client(backend.address, backend.secret) as client:
                states = (
                    preview(client, photos[0], backend.pid, args.preview_hours)
                    if args.preview_hours
                    else prepare_all(client, photos, backend.pid, args.rounds)
                )
                for number, state in enumerate(states, 1):
                    print(f"{number:4d}  {state}", flush=True)
        finally:
            backend.stop()


if __name__ == "__main__":
    main()
