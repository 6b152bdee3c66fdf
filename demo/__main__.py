# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: from the built zip to a movie, a .blend with its strip, and a contact sheet."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import build_addon
from demo.contact_sheet import contact_sheet
from heat_backend.cli.quiet import native_logs_hidden

ROOT = Path(__file__).resolve().parents[1]
MADE = ("demo.mp4", "demo.blend", "contact_sheet.png")
BLENDER_HOME = ROOT / ".cache" / "demo-blender"


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


def default_photo(out: Path) -> Path:
    """Write the public-domain astronaut portrait of scikit-image's wheel as a PNG."""
    import skimage.data
    from PIL import Image

    photo = out / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(photo)
    return photo


def perform(package: Path, photo: Path, out: Path) -> None:
    """Run the Blender part in a process of its own, with settings of its own.

    Raises
    ------
    DemoError
        If it fails; carries the last lines it printed.
    """
    shutil.rmtree(BLENDER_HOME, ignore_errors=True)
    BLENDER_HOME.mkdir(parents=True)
    given = {"zip": str(package), "photo": str(photo), "out": str(out), "python": sys.executable}
    log = out / "demo.log"
    with log.open("w", encoding="utf-8") as lines:
        done = subprocess.run(
            [sys.executable, "-m", "demo.in_blender", json.dumps(given)],
            cwd=ROOT, env={**os.environ, "BLENDER_USER_RESOURCES": str(BLENDER_HOME)},
            stdout=lines, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode != 0 or not (out / "demo.mp4").is_file():
        told = log.read_text("utf-8", "replace").splitlines()
        # What an operator reports reaches a script as a RuntimeError with this prefix.
        prefix = "RuntimeError: Error: "
        reasons = [line.removeprefix(prefix) for line in told if line.startswith(prefix)]
        raise DemoError("\n".join(reasons[-1:] or told[-5:]) + f"\n(everything it said: {log})")


def main() -> int:
    """Run the demo; 0 done, 1 with a plain line that says why not."""
    parser = argparse.ArgumentParser(prog="make demo", description="A photo performs.")
    parser.add_argument("--portrait", type=Path, help="your own photo")
    parser.add_argument("--out", type=Path, default=ROOT / "out")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in (*MADE, "demo.blend1", "demo.npz"):
        (out / name).unlink(missing_ok=True)  # what stands there afterwards is of this run
    began = time.monotonic()
    try:
        photo = arguments.portrait.resolve() if arguments.portrait else default_photo(out)
        if not photo.is_file():
            raise DemoError(f"there is no photo at {photo}")
        package = build_addon.build(ROOT / "dist")
        print(f"{photo.name} performs in headless Blender ...", flush=True)
        perform(package, photo, out)
    except (DemoError, build_addon.BuildError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    with native_logs_hidden():
        contact_sheet(out / "demo.mp4", out / "contact_sheet.png", f"Heat: {photo.name} performs")
    for name in MADE:
        print(f"  {out / name}")
    print(f"done in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
