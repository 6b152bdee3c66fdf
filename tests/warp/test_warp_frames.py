# SPDX-License-Identifier: GPL-3.0-or-later
"""What the warp engine's frames show, tracked again by the landmark detector."""

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from bridge.errors import BadInput, Cancelled, UsageError
from bridge.face_model import load as load_model
from bridge.pose import rotation_angles
from heat_backend.detect.detector import make_detector
from heat_backend.engines.protocol import EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.fit.landmark_fit import fit_face
from heat_backend.geometry import landmark_measures
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.media.photo import Photo
from tests import portraits
from tests.portraits import KIT, prepare
from tools.measures import fidelity

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return portraits.photo().pixels


@pytest.fixture(scope="module")
def tracker(astronaut: np.ndarray) -> fidelity.Tracker:
    return fidelity.Tracker(portraits.warp_portrait(), make_detector("mediapipe"))


def test_all_zero_coefficients_return_the_photo(tracker, astronaut):
    frame = tracker.frame(Coefficients.zero())
    assert frame.shape == astronaut.shape
    assert fidelity.psnr(frame, astronaut) >= 45.0


def test_frames_are_opaque_rgba_and_reuse_a_given_buffer(astronaut):
    portrait = prepare(astronaut, size=256)
    out = np.zeros((portrait.height, portrait.width, 4), np.uint8)
    frame = portrait.render(Coefficients.of(expression={"jawOpen": 0.5}), out)
    assert frame is out
    assert (portrait.width, portrait.height) == (256, 256)
    assert (frame[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("axis", "angle"), [("pitch", 12), ("pitch", -12), ("yaw", 20), ("yaw", -20), ("roll", 15)]
)
def test_the_head_turns_by_what_was_asked_in_the_contracts_signs(tracker, axis, angle):
    index = fidelity.AXES.index(axis)
    rotation = np.zeros(3)
    rotation[index] = np.radians(angle)
    seen = landmark_measures.pose_change(
        tracker.at(Coefficients.of(rotation=rotation)), tracker.still
    )
    assert seen[index] == pytest.approx(angle, abs=5.0)


def test_translation_moves_the_face_in_outer_eye_distances(tracker):
    moved = tracker.at(Coefficients.of(translation=(0.2, 0.1, 0.0)))
    unit = landmark_measures.eye_distance(tracker.still)
    shift = (moved[:468, :2] - tracker.still[:468, :2]).mean(axis=0) / unit
    assert shift[0] == pytest.approx(0.2, abs=0.05)
    assert shift[1] == pytest.approx(-0.1, abs=0.05)


def test_coming_nearer_makes_the_face_larger(tracker):
    near = tracker.at(Coefficients.of(translation=(0.0, 0.0, 1.0)))
    assert landmark_measures.eye_distance(near) > 1.04 * landmark_measures.eye_distance(
        tracker.still
    )


def test_a_blink_closes_both_eyes(tracker):
    shut = tracker.expressed(**fidelity.both("eyeBlink"))
    for side in landmark_measures.SIDES:
        share = landmark_measures.eye_opening(shut, side) / landmark_measures.eye_opening(
            tracker.still, side
        )
        assert share < 0.5


def test_left_and_right_are_the_subjects_own(tracker):
    wink = tracker.expressed(eyeBlinkLeft=1.0)
    left, right = (
        landmark_measures.eye_opening(wink, s) / landmark_measures.eye_opening(tracker.still, s)
        for s in ("Left", "Right")
    )
    assert left < 0.6 < right


def test_an_open_jaw_shows_a_dark_cavity_not_stretched_lip(tracker):
    open_mouth = Coefficients.of(expression={"jawOpen": 0.9})
    points, frame = tracker.at(open_mouth), tracker.frame(open_mouth)
    assert (
        landmark_measures.mouth_opening(points)
        > landmark_measures.mouth_opening(tracker.still) + 0.1
    )
    middle = points[[13, 14], :2].mean(axis=0).round().astype(int)
    cheek = points[50, :2].round().astype(int)
    inside = frame[middle[1] - 2 : middle[1] + 3, middle[0] - 2 : middle[0] + 3].mean()
    assert inside < 0.6 * frame[cheek[1], cheek[0]].mean()


def test_smile_widens_and_pucker_narrows_the_mouth(tracker):
    still = landmark_measures.mouth_width(tracker.still)
    assert (
        landmark_measures.mouth_width(tracker.expressed(**fidelity.both("mouthSmile")))
        > 1.03 * still
    )
    assert landmark_measures.mouth_width(tracker.expressed(mouthPucker=1.0)) < 0.93 * still


def test_a_glance_moves_the_irises_the_right_way(tracker):
    left = tracker.expressed(eyeLookOutLeft=1.0, eyeLookInRight=1.0)
    for side in landmark_measures.SIDES:
        assert (
            landmark_measures.gaze(left, side)[0]
            > landmark_measures.gaze(tracker.still, side)[0] + 0.05
        )


def test_expressions_leave_the_background_alone(tracker, astronaut):
    rows = {row.what: row for row in fidelity.picture_rows(tracker, astronaut)}
    assert rows["expression, outside the head"].value >= 45.0


def test_beyond_the_farthest_turn_the_last_good_pose_is_held(tracker):
    def turned(degrees: float) -> np.ndarray:
        return tracker.frame(Coefficients.of(rotation=(0.0, np.radians(degrees), 0.0)))

    held = turned(80.0), turned(100.0)
    assert fidelity.psnr(*held) > 35.0
    assert not np.array_equal(turned(20.0), turned(80.0))


def test_a_held_turn_is_said_once(astronaut):
    portrait = prepare(astronaut, size=384)
    assert not portrait.notes
    for degrees in (60.0, 70.0):
        portrait.render(Coefficients.of(rotation=(0.0, np.radians(degrees), 0.0)))
    assert len(portrait.notes) == 1


def test_other_sizes_keep_the_framing(astronaut):
    crop = np.ascontiguousarray(astronaut[:400, 60:360])
    portrait = prepare(crop, size=320)
    assert (portrait.width, portrait.height) == (240, 320)


def test_a_picture_without_a_face_is_reported_plainly():
    with pytest.raises(BadInput, match="no face"):
        prepare(np.full((300, 300, 3), 90, np.uint8))


def test_a_second_face_that_is_not_there_is_reported(astronaut):
    with pytest.raises(BadInput, match="face 2"):
        prepare(astronaut, face=2)


def test_cancelling_stops_the_preparation(astronaut):
    with pytest.raises(Cancelled):
        make_engine("warp").prepare(
            Photo(astronaut), EngineSettings(), lambda *_: None, lambda: True
        )


def test_unknown_device_and_detector_are_reported(astronaut):
    with pytest.raises(UsageError, match="device"):
        prepare(astronaut, device="abacus")
    with pytest.raises(UsageError, match="detector"):
        prepare(astronaut, detector="nobody")


@pytest.mark.parametrize(
    "path", sorted(KIT.glob("p0*")) or [None], ids=lambda p: p.name if p else "none"
)
def test_every_portrait_of_the_kit_comes_back_and_turns(path):
    if path is None:
        pytest.skip("the kit of portraits (../shared/data/portraits) is not beside this checkout")
    from heat_backend.media.photo import load_photo

    photo = load_photo(path)
    tracker = fidelity.Tracker(
        make_engine("warp").prepare(photo, EngineSettings(), lambda *_: None, lambda: False),
        make_detector("mediapipe"),
    )
    assert fidelity.psnr(tracker.frame(Coefficients.zero()), photo.pixels) >= 45.0
    turned = tracker.at(Coefficients.of(rotation=(0.0, np.radians(15.0), 0.0)))
    # From all landmarks by way of the model: three of them read a shouting face 6 degrees short.
    model = load_model()
    before, after = (fit_face(model, FaceLandmarks(p)).rotation for p in (tracker.still, turned))
    pitch, yaw, roll = np.degrees(rotation_angles(after @ before.T))
    assert yaw == pytest.approx(15.0, abs=5.0)
    assert abs(pitch) < 5.0
    assert abs(roll) < 5.0


def test_neutralise_closes_the_photos_smile(tracker, astronaut):
    relaxed = fidelity.Tracker(portraits.warp_portrait(neutralise=True), make_detector("mediapipe"))
    assert landmark_measures.mouth_width(relaxed.still) < 0.9 * landmark_measures.mouth_width(
        tracker.still
    )
    assert landmark_measures.mouth_opening(relaxed.still) < 0.5 * landmark_measures.mouth_opening(
        tracker.still
    )
    shut = relaxed.expressed(**fidelity.both("eyeBlink"))
    for side in landmark_measures.SIDES:
        assert landmark_measures.eye_opening(shut, side) < 0.6 * landmark_measures.eye_opening(
            relaxed.still, side
        )
