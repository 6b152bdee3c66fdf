# SPDX-License-Identifier: GPL-3.0-or-later
"""What a director looks for around the mouth."""

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from bridge.face_model import landmarks
from bridge.face_model import load as load_model
from heat_backend.detect.detector import make_detector
from heat_backend.fit.landmark_outliers import chin_below_lip, misread_chin
from heat_backend.geometry import landmark_measures
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.head_pose import apply_blendshapes
from heat_backend.warp.backward_warp import without_lip_shadow
from tests import portraits
from tools.measures import fidelity
from tools.measures.thin_plate import ThinPlatePortrait

pytestmark = pytest.mark.slow

SHOUT = "p08_hard_open_mouth.jpg"
UPPER_LIP, LOWER_LIP = 13, 14  # FaceMesh: inner lips at the midline
LIP_TOP, LIP_BOTTOM = 0, 17
CHIN_FOLD = 18


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return portraits.photo().pixels


@pytest.fixture(scope="module")
def smiling(astronaut: np.ndarray) -> fidelity.Tracker:
    return fidelity.Tracker(portraits.warp_portrait(), make_detector("mediapipe"))


@pytest.fixture(scope="module")
def relaxed(astronaut: np.ndarray) -> fidelity.Tracker:
    return fidelity.Tracker(portraits.warp_portrait(neutralise=True), make_detector("mediapipe"))


def teeth(tracker: fidelity.Tracker, frame: np.ndarray) -> np.ndarray:
    """Pixels of the upper teeth where the photo shows them, a little under the upper lip."""
    upper, lower = tracker.still[[UPPER_LIP, LOWER_LIP], :2]
    x, y = np.rint(upper + 0.45 * (lower - upper)).astype(int)
    return frame[y - 1 : y + 2, x - 5 : x + 6].astype(float)


def test_the_photos_own_upper_teeth_stay_where_they_are(smiling, astronaut):
    for weights in ({"jawOpen": 0.5}, fidelity.both("mouthLowerDown"), {"mouthFunnel": 0.6}):
        frame = smiling.frame(Coefficients.of(expression=weights))
        assert np.abs(teeth(smiling, frame) - teeth(smiling, astronaut)).mean() < 12.0


def test_a_rising_lip_shows_more_of_the_same_teeth(smiling, astronaut):
    raised = fidelity.both("mouthUpperUp")
    frame = smiling.frame(Coefficients.of(expression=raised))
    shown = teeth(smiling, astronaut).mean()
    x, y = np.rint(smiling.still[UPPER_LIP, :2]).astype(int)
    lip_was_here = frame[y - 1 : y + 1, x - 4 : x + 5].astype(float)
    assert lip_was_here.mean() > 0.75 * shown
    assert np.ptp(lip_was_here.mean(axis=(0, 1))) < 60.0  # teeth are pale, lips and gums are not


def test_parting_lips_take_all_colours_from_the_photo(relaxed):
    mouth, home = relaxed.portrait.layers.mesh.mouth, relaxed.portrait.layers.mesh.pixels
    shut = home.copy()
    middle = 0.5 * (home[mouth.upper[10]] + home[mouth.lower[10]])
    shut[mouth.upper[1:-1], 1] = shut[mouth.lower[1:-1], 1] = middle[1]
    parted = shut.copy()
    parted[mouth.lower[1:-1], 1] += 40.0
    found = without_lip_shadow(mouth, parted, shut)
    assert np.isfinite(found).all()
    moved = found[:, 1] - shut[:, 1]
    assert moved[mouth.lower[3:-3]].mean() > 0.3
    assert moved[mouth.upper[3:-3]].mean() < -0.3
    assert without_lip_shadow(mouth, shut, shut) is shut


def test_rolled_lips_stay_shut(relaxed):
    for weights in ({"mouthRollUpper": 1.0}, {"mouthRollLower": 1.0}):
        still, rolled = (
            relaxed.frame(Coefficients.zero()),
            relaxed.frame(Coefficients.of(expression=weights)),
        )
        left, right = relaxed.still[[61, 291], 0].astype(int)
        top, low = int(relaxed.still[LIP_TOP, 1]) - 3, int(relaxed.still[LIP_BOTTOM, 1]) + 3
        mouth = slice(top, low), slice(left + 3, right - 2)
        darkest = np.percentile(rolled[mouth].mean(axis=2), 3)
        assert darkest > 0.6 * np.percentile(still[mouth].mean(axis=2), 3)


def test_mouth_close_shuts_an_open_jaw(relaxed):
    opened = landmark_measures.mouth_opening(relaxed.expressed(jawOpen=0.6))
    shut = landmark_measures.mouth_opening(relaxed.expressed(jawOpen=0.6, mouthClose=0.6))
    assert opened > 0.12
    assert shut < 0.3 * opened


def test_a_jaw_below_zero_stops_at_the_teeth(relaxed):
    def lips(points: np.ndarray) -> float:
        return float(points[LIP_BOTTOM, 1] - points[LIP_TOP, 1])

    assert lips(relaxed.expressed(jawOpen=-0.5)) > 0.75 * lips(relaxed.still)


def test_a_tongue_hangs_over_the_lower_lip(relaxed):
    out = Coefficients.of(expression={"tongueOut": 1.0, "jawOpen": 0.3})
    frame, still = relaxed.frame(out).astype(float), relaxed.frame(Coefficients.zero())
    x, y = np.rint(relaxed.still[LIP_BOTTOM, :2]).astype(int)
    here = slice(y - 2, y + 3), slice(x - 3, x + 4)
    tongue, skin = frame[here].mean(axis=(0, 1)), still[here].mean(axis=(0, 1))
    assert tongue[0] - tongue[1] > 20.0
    assert np.abs(tongue - skin).max() > 8.0


@pytest.mark.parametrize("out", [0.3, 0.5, 0.8])
def test_a_tongue_on_its_way_out_passes_over_the_lip(relaxed, out):
    mouth = relaxed.portrait.layers.mouth
    asked = Coefficients.of(expression={"tongueOut": out, "jawOpen": 0.25})
    weights = relaxed.portrait.posed(asked).expression
    points = mouth.path.lifted(
        apply_blendshapes(mouth.rest, mouth.deltas, weights), mouth.forward, mouth.up
    )
    ahead, height = points @ mouth.forward, points @ mouth.up
    lip = mouth.path.lower_lip
    tongue = mouth.path.members
    at_lip = tongue[np.abs(ahead[tongue] - ahead[lip]) < 0.04]
    assert out < 0.5 or len(at_lip) > 3
    assert len(at_lip) == 0 or height[at_lip].min() > height[lip] - 0.04
    assert np.isfinite(points).all()


def test_a_chin_left_on_the_lip_is_not_believed(smiling):
    model = load_model()
    neutral = landmarks(model, model.vertices)
    points = smiling.still.copy()
    assert not misread_chin(FaceLandmarks(points), neutral).any()
    points[CHIN_FOLD, 1] = points[LIP_BOTTOM, 1] - 2.0
    doubted = misread_chin(FaceLandmarks(points), neutral)
    assert doubted[CHIN_FOLD]
    assert not doubted[[LIP_BOTTOM, UPPER_LIP, 33, 263, 1]].any()


def test_the_thin_plate_warp_to_compare_with_gives_the_photo_back_and_opens_the_jaw(
    smiling, astronaut
):
    plain = ThinPlatePortrait(astronaut, FaceLandmarks(smiling.still), load_model())
    still = plain.render(Coefficients.zero())
    assert still.shape == (*astronaut.shape[:2], 4)
    assert fidelity.psnr(still, astronaut) > 45.0
    tracker = fidelity.Tracker(plain, make_detector("mediapipe"))
    opened = landmark_measures.mouth_opening(tracker.expressed(jawOpen=0.7))
    assert opened > landmark_measures.mouth_opening(tracker.still) + 0.05


def test_a_shouting_lips_red_stays_above_a_misread_chin():
    model = load_model()
    neutral = landmarks(model, model.vertices)
    unit = 100.0
    placed = neutral[:, :2] * (unit, -unit)
    placed[CHIN_FOLD, 1] = placed[LIP_BOTTOM, 1] + 1.0
    misread = np.zeros(468, bool)
    misread[CHIN_FOLD] = True
    moved = placed + chin_below_lip(placed, neutral, misread, unit)
    usual = unit * (neutral[LIP_BOTTOM, 1] - neutral[CHIN_FOLD, 1])
    assert moved[LIP_BOTTOM, 1] >= placed[LIP_BOTTOM, 1]
    assert moved[CHIN_FOLD, 1] - moved[LIP_BOTTOM, 1] > 0.35 * usual
    assert np.array_equal(
        moved[[UPPER_LIP, LOWER_LIP, 61, 291]], placed[[UPPER_LIP, LOWER_LIP, 61, 291]]
    )


def test_a_shouting_mouth_pushed_aside_has_no_speckle():
    portrait = portraits.warp_portrait(SHOUT, size=512)
    marks = portrait.landmarks(Coefficients.zero())[[61, 291, LIP_TOP, LIP_BOTTOM], :2]
    left, top = np.rint(marks.min(axis=0)).astype(int)
    right, low = np.rint(marks.max(axis=0)).astype(int)
    for side in ("mouthLeft", "mouthRight"):
        frame = portrait.render(Coefficients.of(expression={side: 1.0}))[..., :3]
        mouth = frame[top : low + 1, left : right + 1].astype(np.float32).mean(axis=2)
        around = np.stack([mouth[:-2, 1:-1], mouth[2:, 1:-1], mouth[1:-1, :-2], mouth[1:-1, 2:]])
        above = mouth[1:-1, 1:-1] - around
        lone = (above.min(axis=0) > 20.0) | (above.max(axis=0) < -20.0)
        assert lone.sum() <= 2
