# SPDX-License-Identifier: GPL-3.0-or-later
"""The fidelity table: every control tracked again in the engine's own frames.

``python -m tools.measures.fidelity FOLDER`` prints it for each portrait in a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from heat_backend.detect.detector import make_detector
from heat_backend.geometry import landmark_measures
from heat_backend.media.photo import load_photo
from tools.measures.ramps import ramp_rows
from tools.measures.tracking import Row, Tracker, both, warp_portrait

POSES = {"pitch": (8, -8, 15, -15), "yaw": (10, -10, 20, -20, 30, -30), "roll": (10, -10, 20, -20)}
__all__ = ["Row", "Tracker", "both", "measure", "psnr"]
AXES = ("pitch", "yaw", "roll")
PICTURES = (".jpg", ".jpeg", ".png")


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8], where: NDArray | None = None) -> float:
    """Peak signal to noise ratio, dB, over all pixels or where a mask (H, W) is true."""
    error = (a[..., :3].astype(np.float64) - b[..., :3]) ** 2
    mean = float(error.mean() if where is None else error[where].mean())
    return float(10 * np.log10(255.0**2 / max(mean, 1e-9)))


def pose_rows(tracker: Tracker) -> Iterator[Row]:
    """Compare turns asked for with turns tracked."""
    for axis, angles in POSES.items():
        for angle in angles:
            rotation = np.zeros(3)
            rotation[AXES.index(axis)] = np.radians(angle)
            seen = landmark_measures.pose_change(
                tracker.at(Coefficients.of(rotation=rotation)), tracker.still
            )
            got = float(seen[AXES.index(axis)])
            allowed = max(3.0, 0.15 * abs(angle))
            yield Row(
                f"{axis} {angle:+d}",
                got,
                f"{angle:+d} +- {allowed:.1f}",
                abs(got - angle) <= allowed,
            )


def eye_rows(tracker: Tracker) -> Iterator[Row]:
    """Blinks, brows, gaze."""
    shut = tracker.expressed(**both("eyeBlink"))
    up, down = tracker.expressed(browInnerUp=1.0), tracker.expressed(**both("browDown"))
    for side in landmark_measures.SIDES:
        share = landmark_measures.eye_opening(shut, side) / landmark_measures.eye_opening(
            tracker.still, side
        )
        yield Row(f"blink {side}", share, "<= 0.30", share <= 0.30)
        still = landmark_measures.brow_height(tracker.still, side)
        raised = landmark_measures.brow_height(up, side) / still - 1.0
        lowered = landmark_measures.brow_height(down, side) / still - 1.0
        yield Row(f"browInnerUp {side}", raised, ">= +0.10", raised >= 0.10)
        yield Row(f"browDown {side}", lowered, "<= -0.08", lowered <= -0.08)
    yield from gaze_rows(tracker.at, "")


def gaze_rows(landmarks: Callable[[Coefficients], NDArray], note: str) -> Iterator[Row]:
    """How far each glance takes the irises, by landmarks (478, 3) from whatever source."""
    still = landmarks(Coefficients.zero())
    for way in ("In", "Out", "Up", "Down"):
        looking = landmarks(Coefficients.of(expression=both(f"eyeLook{way}")))
        for side in landmark_measures.SIDES:
            moved = landmark_measures.gaze(looking, side) - landmark_measures.gaze(still, side)
            # The subject's left eye looks out to image right.
            outward = moved[0] * (1.0 if side == "Left" else -1.0)
            got = {"In": -outward, "Out": outward, "Up": -moved[1], "Down": moved[1]}[way]
            yield Row(f"eyeLook{way} {side}{note}", float(got), ">= 0.15", got >= 0.15)


def mouth_rows(tracker: Tracker) -> Iterator[Row]:
    """Jaw, smile, pucker."""
    opened = landmark_measures.mouth_opening(tracker.expressed(jawOpen=0.7))
    yield Row("jawOpen 0.7", opened, ">= 0.18", opened >= 0.18)
    still = landmark_measures.mouth_width(tracker.still)
    smile = landmark_measures.mouth_width(tracker.expressed(**both("mouthSmile"))) / still - 1.0
    yield Row("smile", smile, ">= +0.08", smile >= 0.08)
    pucker = landmark_measures.mouth_width(tracker.expressed(mouthPucker=1.0)) / still - 1.0
    yield Row("pucker", pucker, "<= -0.15", pucker <= -0.15)


def side_rows(landmarks: Callable[[Coefficients], NDArray], note: str) -> Iterator[Row]:
    """One-sided channels: how much the other side does of what the named side does."""
    still = landmarks(Coefficients.zero())
    kinds: dict[str, Callable[[NDArray, str], float]] = {
        "eyeBlink": landmark_measures.eye_opening,
        "browDown": landmark_measures.brow_height,
        "mouthSmile": _corner_height,
    }
    for name, measure in kinds.items():
        for side in landmark_measures.SIDES:
            other = "Left" if side == "Right" else "Right"
            points = landmarks(Coefficients.of(expression={name + side: 1.0}))
            own = abs(measure(points, side) - measure(still, side))
            leak = abs(measure(points, other) - measure(still, other)) / max(own, 1e-6)
            yield Row(f"{name}{side} alone{note}", leak, "<= 0.20", leak <= 0.20)


def _corner_height(points: NDArray[np.floating], side: str) -> float:
    corner = 61 if side == "Right" else 291
    return float(points[corner, 1] - points[2, 1]) / landmark_measures.eye_distance(points)


def picture_rows(tracker: Tracker, photo: NDArray[np.uint8]) -> Iterator[Row]:
    """Check that the photo is given back, and left alone outside the head."""
    own = psnr(tracker.frame(Coefficients.zero()), photo)
    yield Row("all-zero PSNR", own, ">= 45", own >= 45)
    left, right = tracker.still[:468, 0].min(), tracker.still[:468, 0].max()
    bottom = tracker.still[:468, 1].max()
    reach = 0.4 * (right - left)
    x = np.arange(photo.shape[1])
    y = np.arange(photo.shape[0])
    beside = ((x < left - reach) | (x > right + reach))[None, :] | (y > bottom + reach)[:, None]
    spoken = Coefficients.of(expression={"jawOpen": 0.6, **both("mouthSmile"), **both("eyeBlink")})
    if beside.any():
        rest = psnr(tracker.frame(spoken), photo, beside)
        yield Row("expression, outside the head", rest, ">= 45", rest >= 45)


def measure(path: Path, ramps: bool = False) -> list[Row]:
    """All rows for one portrait."""
    photo = load_photo(path)
    portrait = warp_portrait(photo)
    tracker = Tracker(portrait, make_detector("mediapipe"))
    rows = [*picture_rows(tracker, photo.pixels), *pose_rows(tracker), *eye_rows(tracker)]
    rows += [*mouth_rows(tracker), *side_rows(tracker.at, "")]
    own = getattr(portrait, "landmarks", None)
    if own is not None:
        # FaceMesh sees little of what an iris moves up or down, and expects even faces.
        rows += [*gaze_rows(own, ", as drawn"), *side_rows(own, ", as drawn")]
    return rows + (list(ramp_rows(tracker, own)) if ramps and own is not None else [])


def main(folder: str, *options: str) -> int:
    """Print the table for every portrait of a folder; return the number of misses."""
    misses = 0
    for path in sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in PICTURES):
        rows = measure(path, ramps="--ramps" in options)
        missed = [row for row in rows if not row.holds]
        misses += len(missed)
        print(f"{path.name}: {len(rows) - len(missed)} of {len(rows)} hold")
        for row in rows if "--all" in options else missed:
            mark = "" if row.holds else "  <--"
            print(f"  {row.what:34} {row.value:8.2f}  must be {row.must}{mark}")
    return misses


if __name__ == "__main__":
    sys.exit(min(1, main(*sys.argv[1:])))
