# SPDX-License-Identifier: GPL-3.0-or-later
"""What a speaker's mouth on video did, against what ``heat speak`` hears in the video's sound."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from heat_backend.speech.lip_landmarks import opening
from tools.speech_training import scoring

FAR_LAG = 0.5
"""Seconds within which a video's sound may trail its own picture, to be told."""

Curve = NDArray[np.floating]


def seen_openings(path: Path) -> tuple[dict[str, Curve], float]:
    """Follow the mouth of a video's face.

    Returns
    -------
    curves : dict of (T,) float
        Distance of the inner lips in outer-eye distances: ``tracked``, from the motion that
        ``heat track`` gives, and ``landmarks``, from the detector's bare points.
    fps : float

    Raises
    ------
    BadInput
        It is no video, or nobody is in it.
    """
    from heat_backend.tracking.track import TrackSettings, track_video

    with tempfile.TemporaryDirectory() as folder:
        tracked = track_video(
            path, TrackSettings(), Path(folder) / "cache", lambda what, done: None, lambda: False
        )
    fps = float(tracked.clip.fps)
    curves = {"tracked": opening(tracked.clip.expression), "landmarks": _gap(path, fps)}
    return curves, fps


def _gap(path: Path, fps: float) -> Curve:
    from heat_backend.detect.detector import make_detector

    detector = make_detector("mediapipe")
    gaps: list[float] = []
    times: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            faces = detector.detect(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if faces:
                points = faces[0].points
                gap = float(np.hypot(*(points[13, :2] - points[14, :2])))
                gaps.append(gap / faces[0].outer_eye_distance)
                times.append(float(frame.time or 0.0))
    at = np.array(times) - times[0]
    return np.interp(np.arange(round(at[-1] * fps) + 1) / fps, at, np.array(gaps))


def compare(
    spoken: Curve, seen: Mapping[str, Curve], energy: Curve, fps: float
) -> dict[str, object]:
    """Correlate, within the lag that is allowed and within one that tells of a video out of step.

    Parameters
    ----------
    spoken : (T,) float
        Opening that was heard.
    seen : mapping of (T,) float
        From :func:`seen_openings`.
    energy : (T,) float
        The sound's bare energy: whether sound and picture belong together, no network asked.
    fps : float
    """
    row: dict[str, object] = {}
    for name, curve in seen.items():
        count = min(len(spoken), len(curve), len(energy))
        heard, sound, lips = spoken[:count], energy[:count], curve[:count]
        near = scoring.correlation(heard, lips, fps)
        far = scoring.correlation(heard, lips, fps, FAR_LAG)
        bare = scoring.correlation(sound, lips, fps, FAR_LAG)
        row[name] = {
            "within_80_ms": round(near[0], 3),
            "at_any_lag": [round(far[0], 3), round(1000.0 * far[1])],
            "energy_alone_at_any_lag": [round(bare[0], 3), round(1000.0 * bare[1])],
            "heard_and_seen_median": [round(float(np.median(c)), 3) for c in (heard, lips)],
            "heard_and_seen_95_percent": [
                round(float(np.percentile(c, 95)), 3) for c in (heard, lips)
            ],
        }
    return row
