# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures jumps of the tracked face while a control moves evenly, apart from tracker noise.

FaceMesh in static mode answers an even motion with uneven steps. So each ramp gives four figures,
all the largest of 60 steps over the median one: landmarks tracked in the frames; the same on the
photo merely shifted as far and perfectly evenly, which is the tracker's share; the landmarks
where the engine itself puts them; and by how much the face's pixels change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from tools.measures.tracking import Row, Tracker, both

RAMPS = {
    "jawOpen": {"jawOpen": 1.0},
    "eyeBlink": both("eyeBlink"),
    "eyeLookOut": both("eyeLookOut"),
    "browInnerUp": {"browInnerUp": 1.0},
    "mouthSmile": both("mouthSmile"),
    "yaw": {},
}
YAW = np.radians(30.0)
STEPS = 60
MOST = 3.0
MOVING = 0.25  # of the farthest landmark's way: less is not part of the motion


OwnLandmarks = Callable[[Coefficients], NDArray[np.float64]]


def ramp_rows(tracker: Tracker, landmarks: OwnLandmarks, steps: int = STEPS) -> Iterator[Row]:
    """Measure all ramps of one portrait, whose engine tells its ``landmarks`` (478, 3)."""
    for name in RAMPS:
        asked = [_at(name, float(t)) for t in np.linspace(0.0, 1.0, steps + 1)]
        frames = [tracker.frame(coefficients) for coefficients in asked]
        seen = np.array([tracker.on(frame)[:468, :2] for frame in frames])
        own = np.array([landmarks(coefficients)[:, :2] for coefficients in asked])
        even = np.array([tracker.on(frame)[:468, :2] for frame in _shifted(frames[0], own, steps)])
        box = _face_box(seen[0], frames[0])
        for what, worst, must in (
            ("tracked", _unevenness(seen), True),
            ("the tracker's own", _unevenness(even), False),
            ("the engine's landmarks", _unevenness(own[:, np.isfinite(own[0, :, 0])]), True),
            ("the picture", _picture_unevenness(frames, box), True),
        ):
            label = f"<= {MOST:g}" if must else "(to compare)"
            yield Row(f"ramp {name}, {what}", worst, label, worst <= MOST or not must)


def _at(name: str, t: float) -> Coefficients:
    rotation = (0.0, YAW * t, 0.0) if name == "yaw" else (0.0, 0.0, 0.0)
    return Coefficients.of(expression={k: v * t for k, v in RAMPS[name].items()}, rotation=rotation)


def _unevenness(path: NDArray[np.floating]) -> float:
    """Largest over median step of the landmark that is worst in a path (T, L, 2)."""
    step = np.linalg.norm(np.diff(path, axis=0), axis=2)
    mean = step.mean(axis=0)
    moving = mean > MOVING * mean.max()
    return float((step[:, moving].max(axis=0) / np.median(step[:, moving], axis=0)).max())


def _shifted(
    still: NDArray[np.uint8], own: NDArray[np.floating], steps: int
) -> Iterator[NDArray[np.uint8]]:
    """Shift the photo down evenly, in all as far as the farthest landmark went."""
    way = np.linalg.norm(own[-1] - own[0], axis=1)
    farthest = float(np.nanmax(way))
    size = still.shape[1], still.shape[0]
    for t in np.linspace(0.0, farthest, steps + 1):
        move = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, t]])
        yield cv2.warpAffine(
            still, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )


def _face_box(points: NDArray[np.floating], frame: NDArray[np.uint8]) -> tuple[slice, slice]:
    low = np.maximum(points.min(axis=0), 0).astype(int)
    high = np.minimum(points.max(axis=0) + 1, frame.shape[1::-1]).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _picture_unevenness(frames: list[NDArray[np.uint8]], box: tuple[slice, slice]) -> float:
    """Largest over median change of the face's pixels from frame to frame, as root mean square."""
    change = [
        np.sqrt(np.mean((a[box].astype(np.float32) - b[box].astype(np.float32)) ** 2))
        for a, b in zip(frames[1:], frames[:-1], strict=True)
    ]
    return float(np.max(change) / max(float(np.median(change)), 1e-6))
