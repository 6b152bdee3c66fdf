# SPDX-License-Identifier: GPL-3.0-or-later
"""Spectacles stay on the nose as they are while lids and brows move behind them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bridge.coefficients import Coefficients
from heat_backend.detect.detector import make_detector
from heat_backend.engines.protocol import EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.fit.glasses import find_frame
from heat_backend.media.photo import Photo

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

pytestmark = pytest.mark.slow

FRAME = (20, 20, 24)


@pytest.fixture(scope="module")
def bare() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:320, 60:380])


@pytest.fixture(scope="module")
def spectacled(bare: np.ndarray) -> np.ndarray:
    """The same face behind round rims, drawn around the tracked eyes."""
    points = make_detector("mediapipe").detect(bare)[0].points[:, :2]
    unit = float(np.hypot(*(points[33] - points[263])))
    worn = bare.copy()
    drop = np.array([0.0, 0.03 * unit])
    rims = [points[[a, b]].mean(axis=0) + drop for a, b in ((33, 133), (263, 362))]
    for center in rims:
        at = tuple(np.rint(center).astype(int).tolist())
        cv2.circle(worn, at, round(0.24 * unit), FRAME, 3, cv2.LINE_AA)
    inner = [rims[0] + np.array([0.24 * unit, -2]), rims[1] - np.array([0.24 * unit, 2])]
    ends = [tuple(np.rint(end).astype(int).tolist()) for end in inner]
    cv2.line(worn, ends[0], ends[1], FRAME, 3, cv2.LINE_AA)
    return worn


def test_frames_are_found_on_who_wears_them(bare: np.ndarray, spectacled: np.ndarray) -> None:
    face = make_detector("mediapipe").detect(bare)[0]
    assert find_frame(bare, face) is None
    frame = find_frame(spectacled, face)
    assert frame is not None
    drawn = (spectacled != bare).any(axis=2) & (spectacled.max(axis=2) < 40)
    assert frame[drawn].mean() > 0.7


def test_a_blink_leaves_the_frame_where_it_is(bare: np.ndarray, spectacled: np.ndarray) -> None:
    photo = Photo(spectacled)
    portrait = make_engine("warp").prepare(photo, EngineSettings(), lambda *_: None, lambda: False)
    blink = Coefficients.of(expression={"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})
    frame = portrait.render(blink)[..., :3].astype(int)
    drawn = (spectacled != bare).any(axis=2) & (spectacled.max(axis=2) < 40)
    assert np.abs(frame - spectacled)[drawn].mean() < 12.0
