# SPDX-License-Identifier: GPL-3.0-or-later
"""A control that moves evenly moves the picture evenly, and irises go where glances send them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from heat_backend.detect.detector import make_detector
from heat_backend.engines.protocol import EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.geometry import landmark_measures
from heat_backend.media.photo import Photo
from tools.measures import fidelity
from tools.measures.ramps import ramp_rows

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portrait() -> Any:
    photo = Photo(np.ascontiguousarray(data.astronaut()[:320, 60:380]))
    return make_engine("warp").prepare(photo, EngineSettings(), lambda *_: None, lambda: False)


def test_nothing_jumps(portrait: Any) -> None:
    tracker = fidelity.Tracker(portrait, make_detector("mediapipe"))
    rows = list(ramp_rows(tracker, portrait.landmarks, steps=12))
    judged = [row for row in rows if row.what.endswith(("landmarks", "picture"))]
    assert len(judged) >= 8
    assert [row for row in judged if not row.holds] == []


def test_irises_go_the_right_way_far_enough(portrait: Any) -> None:
    rows = list(fidelity.gaze_rows(portrait.landmarks, ""))
    assert [row for row in rows if not row.holds] == []


def test_own_landmarks_are_the_tracked_ones_at_rest(portrait: Any) -> None:
    tracker = fidelity.Tracker(portrait, make_detector("mediapipe"))
    own = portrait.landmarks(Coefficients.zero())
    off = np.linalg.norm(own[:468, :2] - tracker.still[:468, :2], axis=1)
    assert np.median(off) < 0.02 * landmark_measures.eye_distance(tracker.still)
