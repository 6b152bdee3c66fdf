# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking proved on videos: their first frame performs the video's own tracked motion.

``python -m tools.measures.reenactment FOLDER`` prints, for each video, how far landmarks of
the performance are from the video's own (AKD, % of the outer-eye distance), against leaving the
first frame still.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.detector import make_detector
from heat_backend.media.photo import Photo
from heat_backend.media.video import video_frames
from heat_backend.tracking.track import TrackSettings, track_video
from tools.measures.tracking import warp_portrait

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")


@dataclass(frozen=True)
class Reenactment:
    """How one video's performance came out.

    Attributes
    ----------
    akd, still : float
        Mean landmark distance to the true frames, of the performance and of the first frame left
        as it is, shares of the portrait's outer-eye distance.
    frames : int
        Frames compared.
    """

    akd: float
    still: float
    frames: int


def reenact(video: Path, every: int = 3) -> Reenactment:
    """Let a video's first frame perform the video, and compare each ``every``-th frame."""
    with tempfile.TemporaryDirectory() as folder:
        settings = TrackSettings()
        tracked = track_video(video, settings, Path(folder), lambda *_: None, lambda: False)
    frames = [frame.pixels for frame in video_frames(video)]
    portrait = warp_portrait(Photo(frames[0], video.name, ()))
    detector = make_detector("mediapipe")

    def points(pixels: NDArray[np.uint8]) -> NDArray[np.floating] | None:
        faces = detector.detect(np.ascontiguousarray(pixels[..., :3]))
        return faces[0].points[:, :2] if faces else None

    first = points(frames[0])
    assert first is not None
    unit = float(np.linalg.norm(first[33] - first[263]))
    played, still = [], []
    for k in range(0, min(len(frames), len(tracked.clip)), every):
        true, got = points(frames[k]), points(portrait.render(tracked.clip.frame(k)))
        if true is not None and got is not None:
            played.append(np.linalg.norm(got - true, axis=1).mean() / unit)
            still.append(np.linalg.norm(first - true, axis=1).mean() / unit)
    return Reenactment(float(np.mean(played)), float(np.mean(still)), len(played))


def main(folder: str) -> int:
    """Print the table; return how many videos miss 4 % or 40 % of standing still."""
    misses = 0
    for video in sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in VIDEO_SUFFIXES):
        result = reenact(video)
        share = result.akd / max(result.still, 1e-9)
        holds = result.akd <= 0.04 and share <= 0.4
        misses += not holds
        print(
            f"{video.name:28} AKD {100 * result.akd:5.2f} %  still {100 * result.still:5.2f} %  "
            f"share {share:4.2f}  must be <= 4 % and <= 0.40{'' if holds else '  <--'}",
            flush=True,
        )
    return misses


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1])))
