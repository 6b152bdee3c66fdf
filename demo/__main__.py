# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: from the built zip to movies, .blend files with their strips, contact sheets."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

import build_addon
from bridge.errors import HeatError
from demo import without_blender
from demo.blender_run import DemoError, Steps, blender_command, perform
from demo.contact_sheet import contact_sheet, pairs_sheet
from demo.voice import add_voice, speak_sentence
from heat_backend.cli.native_logs import native_logs_hidden

ROOT = Path(__file__).resolve().parents[1]
MADE = (
    *("demo.mp4", "demo.blend", "contact_sheet.png", "demo.npz"),
    *("edited.mp4", "edited.blend", "edited.npz", "edited.png"),
    *("spoken.mp4", "spoken.blend", "spoken.npz", "spoken.wav"),
    *("filmed.mp4", "filmed.blend", "filmed.npz", "driven.png"),
)
BLEND_NOTE = (
    "the .blend files open in the Blender series that wrote them (out/demo.log names it) and in "
    "newer ones; the add-on itself works in 4.2 and newer"
)
NO_BLENDER_NOTE = (
    "the .blend files are left out: there is neither Blender's module, which needs Python 3.11 or "
    "3.13, nor a Blender; name one: make demo BLENDER=/path/to/blender"
)


def default_photo(out: Path) -> Path:
    """Write the public-domain astronaut portrait of scikit-image's wheel as a PNG."""
    import skimage.data
    from PIL import Image

    photo = out / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(photo)
    return photo


def check_photo(path: Path) -> None:
    """Look at a photo as the engine will, before anything else is done.

    Raises
    ------
    HeatError
        It cannot be read, or shows no face that can be driven; one line says what to do.
    """
    from heat_backend.detect.detector import choose_face, make_detector
    from heat_backend.media.photo import load_photo

    photo = load_photo(path)
    with native_logs_hidden():
        choose_face(make_detector("mediapipe").detect(photo.pixels), None, photo.name)


def run(portrait: Path | None, out: Path) -> list[str]:
    """Make the results beside those of an earlier run, and replace them at the end.

    Returns
    -------
    list of str
        Names of what was made.

    Raises
    ------
    HeatError, DemoError, BuildError, OSError
        It could not be done; the earlier results stand as they were.
    """
    steps = Steps(sys.stdout)
    if portrait is not None:
        check_photo(portrait)
    out.mkdir(parents=True, exist_ok=True)
    photo = default_photo(out) if portrait is None else portrait
    blender = blender_command()
    made = [name for name in MADE if blender or not name.endswith(".blend")]
    making = out / ".making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        speak_sentence(making / "spoken.wav")
        if blender:
            steps.say("building the add-on")
            package = build_addon.build(ROOT / "dist")
            steps.say(f"{photo.name} performs in headless Blender")
            perform(blender, package, photo, making, out, out / "demo.log", steps)
        else:
            steps.say(f"{photo.name} performs, without Blender")
            without_blender.perform(photo, making, out / "demo.log", steps)
        add_voice(making / "spoken.mp4", making / "spoken.wav")
        steps.say("drawing the contact sheets")
        with native_logs_hidden():
            title = f"Heat: {photo.name} performs"
            contact_sheet(making / "demo.mp4", making / "contact_sheet.png", title)
            title = f"Heat: {photo.name} edited, as keyed"
            contact_sheet(making / "edited.mp4", making / "edited.png", title, rows=2)
            rows = [
                ("the video: demo.mp4", making / "demo.mp4"),
                (
                    "tracked, baked onto the rig and performed again: filmed.mp4",
                    making / "filmed.mp4",
                ),
                ("a spoken sentence, baked and performed: spoken.mp4", making / "spoken.mp4"),
            ]
            pairs_sheet(
                rows, making / "driven.png", f"Heat: {photo.name} driven by video and voice"
            )
        for name in made:
            (making / name).replace(out / name)
    finally:
        steps.end()
        shutil.rmtree(making, ignore_errors=True)
    return made


def main() -> int:
    """Run the demo; 0 done, 1 with a plain line that says why not, 130 stopped."""
    parser = argparse.ArgumentParser(prog="make demo", description="A photo performs.")
    parser.add_argument("--portrait", type=Path, help="your own photo")
    parser.add_argument("--out", type=Path, default=ROOT / "out")
    arguments = parser.parse_args()
    portrait = arguments.portrait and arguments.portrait.absolute()
    out = arguments.out.resolve()
    began = time.monotonic()
    try:
        made = run(portrait, out)
    except (HeatError, DemoError, build_addon.BuildError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        where = problem.filename or out
        print(f"error: cannot write {where}: {problem.strerror or problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the results of an earlier run stand as they were", file=sys.stderr)
        return 130
    print(f"done in {time.monotonic() - began:.0f} s")
    for name in made:
        print(f"  {out / name}")
    print(BLEND_NOTE if "demo.blend" in made else NO_BLENDER_NOTE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
