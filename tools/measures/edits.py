# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the edits: shapes tracked again, colours inside and outside their regions, light.

``python -m tools.measures.edits FOLDER [--size N] [--all]`` prints it for each portrait.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge import edit_directions
from bridge.coefficients import Coefficients
from bridge.edits import LIGHT_EDITS, SHAPE_EDITS, TEXTURE_EDITS
from heat_backend.detect.detector import make_detector
from heat_backend.edits.colour_steps import STEPS, target_lab, to_lab
from heat_backend.edits.colours import laid_out
from heat_backend.edits.face_measurements import DEPTHS, GUESSED, measured
from heat_backend.edits.light import LIGHT_CELL
from heat_backend.geometry.landmark_measures import upright
from heat_backend.media.photo import load_photo
from heat_backend.warp.portrait import WarpPortrait
from tools.measures.fidelity import PICTURES, psnr
from tools.measures.optical_flow import Follower
from tools.measures.tracking import Row, Tracker, warp_portrait

ASKED = 2.0
CORE, OUTSIDE = 0.8, 0.004  # of a mask
ROUNDS = 15
IRISES = ((468, 159, 145), (473, 386, 374))  # iris, upper and lower lid: right, left
IRIS_CORE = 0.85  # of its radius
LID_RIM = 0.08  # of the eye's width
UNSEEN = 4.0  # L*a*b*: of a smaller change than this, 15 percent cannot be seen
SHAPE_MUST, LEAK_MUST = 0.6, 0.3


def shape_rows(portrait: WarpPortrait, tracker: Tracker, only: Sequence[str] = ()) -> Iterator[Row]:
    """Each shape edit at +2: its own measure against the model's, and the worst other one.

    Once as landmarks are found anew in the edited frame, once as the skin's points are followed.
    """
    still = tracker.still
    follower = Follower(portrait)
    for name in only or [edit.name for edit in SHAPE_EDITS]:
        found = tracker.at(Coefficients.of(edits={name: ASKED}))
        yield from _shape_pair(name, "found", changes(found, still), DEPTHS + GUESSED)
        followed = follower.after({name: ASKED})
        yield from _shape_pair(name, "followed", changes(followed, follower.still), ())


def changes(after: NDArray[np.floating], still: NDArray[np.floating]) -> dict[str, float]:
    """Change of each measure from one set of landmarks to another, standard deviations."""
    spread = edit_directions.load().spread
    now, before = (measured(upright(points, still)) for points in (after, still))
    return {name: float(now[name] - before[name]) / spread[name] for name in now}


def _shape_pair(
    name: str, how: str, moved: dict[str, float], unseen: tuple[str, ...]
) -> Iterator[Row]:
    """Rows of one edit: how far its own measure moved, and the one that moved most beside it."""
    # A depth is told from how a turned head shifts: too roughly to say that it stayed.
    others = moved.keys() - {name, *unseen, *DEPTHS}
    seen = {n: abs(moved[n]) / ASKED for n in others}
    if name in moved and name not in unseen:
        share = moved[name] / ASKED
        yield Row(f"{name}, {how}: of the model's", share, ">= 0.6", share >= SHAPE_MUST)
    worst = max(seen, key=lambda n: seen[n])
    held = seen[worst] <= LEAK_MUST
    yield Row(f"{name}, {how}: moves {worst}", seen[worst], "<= 0.3", held)


def _weights(portrait: WarpPortrait, region: str) -> NDArray[np.float32] | None:
    """Mask (H, W) of a region in the frame at rest, 0..1."""
    assert portrait.editor is not None
    base = portrait.editor.colours.base
    if region == "irises":
        return _irises(portrait)
    if region not in base.regions or region not in base.means:
        return None
    return np.asarray(base.mask(region) / np.float32(255.0), np.float32)


def _irises(portrait: WarpPortrait) -> NDArray[np.float32]:
    """Mask (H, W) of what the lids leave to see of the irises; what is right around is neither."""
    landmarks = portrait.landmarks(Coefficients.zero())
    mask = np.zeros((portrait.height, portrait.width), np.float32)
    assert portrait.editor is not None
    own = portrait.editor.apply({}).shaped.eyes
    eyes = own["right"], own["left"]
    y, x = np.ogrid[0 : portrait.height, 0 : portrait.width]
    for (centre, top, low), eye in zip(IRISES, eyes, strict=True):
        away = np.hypot(x - eye.iris_px[0], y - eye.iris_px[1]) / eye.iris_radius_px
        rim = LID_RIM * eye.width_px
        between = (y > landmarks[top, 1] + rim) & (y < landmarks[low, 1] - rim)
        inside = (away < IRIS_CORE) & between & (np.abs(x - landmarks[centre, 0]) < eye.width_px)
        mask = np.maximum(mask, np.where(inside, 1.0, 0.01 * (away < 1.6)))
    return np.asarray(mask, np.float32)


def texture_rows(portrait: WarpPortrait, tracker: Tracker) -> Iterator[Row]:
    """Each colour edit at +1: the mean colour of its region's core, and outside of it."""
    still = tracker.frame(Coefficients.zero()).astype(np.float64)
    for name, step in STEPS.items():
        weights = _weights(portrait, step.region)
        if weights is None:
            continue
        frame = tracker.frame(Coefficients.of(edits={name: 1.0})).astype(np.float64)
        core, outside = weights > CORE * weights.max(), weights < OUTSIDE
        share = float(weights[core].mean())
        mean = to_lab(still[core].mean(axis=0))
        asked = target_lab(mean, {name: 1.0}, step.region) - mean
        got = to_lab(frame[core].mean(axis=0)) - mean
        off = float(np.linalg.norm(got / share - asked) / max(float(np.linalg.norm(asked)), UNSEEN))
        yield Row(f"{name}: off what is asked", off, "<= 0.15", off <= 0.15)
        spill = float(np.abs((frame - still)[outside].mean(axis=0)).max())
        yield Row(f"{name}: outside", spill, "<= 0.5", spill <= 0.5)


def light_rows(portrait: WarpPortrait) -> Iterator[Row]:
    """Take the photo's directed light away, keep that as a picture, and put it back."""
    assert portrait.editor is not None
    base = portrait.editor.colours.base
    change = base.heads[0].change({"light_amount": -1.0})
    height, width = base.photo.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(LIGHT_CELL)
    change = laid_out(change, np.dstack([x, y]))
    without = np.rint(np.clip(base.photo * change[..., None], 0, 255))
    back = np.rint(np.clip(without / change[..., None], 0, 255)).astype(np.uint8)
    skin = _weights(portrait, "skin")
    where = None if skin is None else skin > 0.5
    found = psnr(back, base.photo, where)
    yield Row("light taken and put back, dB", found, ">= 38", found >= 38)


def cost_rows(portrait: WarpPortrait) -> Iterator[Row]:
    """Processor time of a moving frame with all texture and light edits on, over that without."""
    names = [edit.name for edit in TEXTURE_EDITS + LIGHT_EDITS]
    fixed = {name: 0.5 for name in names}
    spent: dict[str, list[float]] = {"plain": [], "on": [], "keyed": []}
    out = portrait.render(Coefficients.zero())
    for kind, times in spent.items():
        for k in range(ROUNDS + 3):
            edits = {"plain": {}, "on": fixed, "keyed": {n: 0.5 + 0.01 * k for n in names}}[kind]
            shown = Coefficients.of({"jawOpen": 0.02 * k}, (0.0, 0.01 * k, 0.0), edits=edits)
            start = time.process_time()
            portrait.render(shown, out)
            times.append(time.process_time() - start)
    plain, on, keyed = (float(np.median(times[3:])) for times in spent.values())
    yield Row("time with all colours and light on", on / plain, "<= 1.6", on <= 1.6 * plain)
    yield Row("the same, changing every frame", keyed / plain, "<= 1.6", keyed <= 1.6 * plain)


def measure(path: Path, size: int | None) -> list[Row]:
    """All rows for one portrait."""
    photo = load_photo(path)
    portrait = warp_portrait(photo, size)
    tracker = Tracker(portrait, make_detector("mediapipe"))
    untouched = tracker.frame(Coefficients.zero())
    portrait.render(Coefficients.of(edits={"jaw_width": 1.0, "skin_tone": 1.0}))
    zero = dict.fromkeys(("jaw_width", "skin_tone", "ambient"), 0.0)
    again = psnr(tracker.frame(Coefficients.of(edits=zero)), untouched)
    rows = [Row("all edits 0, dB to before", again, ">= 45", again >= 45)]
    rows += [*shape_rows(portrait, tracker), *texture_rows(portrait, tracker)]
    return [*rows, *light_rows(portrait), *cost_rows(portrait)]


def main() -> int:
    """Print the table for every portrait of a folder; return 1 if anything misses."""
    parser = argparse.ArgumentParser(description="Measure the edits of the warp engine.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, help="long side of the frames (default: photo's)")
    parser.add_argument("--all", action="store_true", help="print the rows that hold, too")
    parser.add_argument("--only", default="", help="start of the file names to measure")
    args = parser.parse_args()
    misses = 0
    for path in sorted(p for p in args.folder.iterdir() if p.suffix.lower() in PICTURES):
        if not path.name.startswith(args.only):
            continue
        rows = measure(path, args.size)
        missed = [row for row in rows if not row.holds]
        misses += len(missed)
        print(f"{path.name}: {len(rows) - len(missed)} of {len(rows)} hold", flush=True)
        for row in rows if args.all else missed:
            mark = "" if row.holds else "  <--"
            print(f"  {row.what:46} {row.value:8.2f}  must be {row.must}{mark}")
    return min(1, misses)


if __name__ == "__main__":
    sys.exit(main())
