# SPDX-License-Identifier: GPL-3.0-or-later
"""Turned heads: they read as asked for, keep within reach, and show no wall where skin must be."""

import itertools

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from bridge.pose import rotation_matrix
from heat_backend.detect.detector import make_detector
from heat_backend.geometry import landmark_measures
from heat_backend.geometry.head_pose import head_pose
from heat_backend.warp.control_calibration import (
    LEAST_GAIN,
    MOST_GAIN,
    UNCALIBRATED,
    calibrate_turns,
)
from tests import portraits
from tools.measures import fidelity

pytestmark = pytest.mark.slow

FAR_TEMPLE = 389  # where the far eyebrow's end meets the hair
FAR_CHEEK = (352, 366, 401, 435, 288)  # FaceMesh, the subject's left
MID_CHEEK = (280, 425, 330)


def head(rotation: np.ndarray) -> np.ndarray:
    """Landmarks of a head that is turned as it should be: only the four of its axes count."""
    points = np.zeros((478, 3))
    points[[33, 263, 10, 152]] = [(-1, 0.5, 0), (1, 0.5, 0), (0, 1.5, 0), (0, -1.5, 0)]
    return (points @ rotation_matrix(rotation).T) * (1.0, -1.0, -1.0)


def misread(gain: float, until: float = 90.0):
    """A face whose yaw reads as ``gain`` times of what it is, and is held beyond ``until``."""

    def track(rotation: np.ndarray) -> np.ndarray | None:
        if abs(np.degrees(rotation[1])) > until:
            return None
        return head(rotation * (1.0, gain, 1.0))

    return track


@pytest.mark.parametrize("gain", [0.75, 0.9, 1.0, 1.3])
def test_a_turn_that_reads_wrong_is_corrected(gain):
    response = calibrate_turns(misread(gain))
    for degrees in (-30.0, -14.0, 5.0, 10.0, 25.0):
        turned = response.rotation_to_apply(np.array([0.0, np.radians(degrees), 0.0]))
        seen = gain * np.degrees(turned[1])
        assert seen == pytest.approx(degrees, abs=2.2)
        assert turned[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("gain", [0.2, 4.0, -1.0])
def test_corrections_stay_within_bounds_and_grow_with_what_is_asked(gain):
    response = calibrate_turns(misread(gain))
    asked = np.radians(np.linspace(-45.0, 45.0, 181))
    got = np.array([response.rotation_to_apply(np.array([0.0, a, 0.0]))[1] for a in asked])
    assert (np.diff(got) > 0.0).all()
    assert abs(response.rotation_to_apply(np.zeros(3))).max() < 1e-12
    share = got[asked != 0.0] / asked[asked != 0.0]
    assert share.min() > 0.6 * LEAST_GAIN
    assert share.max() < 1.1 * MOST_GAIN


def test_unreadable_turns_are_left_alone_and_held_ones_continue_their_neighbours():
    assert calibrate_turns(lambda _: None) is UNCALIBRATED.turns
    response = calibrate_turns(misread(0.8, until=26.0))
    turned = np.degrees(response.rotation_to_apply(np.array([0.0, np.radians(30.0), 0.0]))[1])
    assert turned > 31.0


def test_heads_are_held_at_about_forty_degrees_farther_only_to_the_photos_own_side():
    def reached(own: float, asked: float) -> float:
        pose = head_pose(
            np.radians([0.0, asked, 0.0]), np.zeros(3), rotation_matrix(np.radians([0.0, own, 0.0]))
        )
        angle = np.degrees(np.arcsin(-pose.rotation[2, 0]))
        assert pose.limited == (abs(angle - asked) > 0.1)
        return own + float(angle)

    for way in (1.0, -1.0):
        assert 38.0 <= way * reached(0.0, way * 80.0) <= 44.0
        assert way * reached(0.0, way * 30.0) == pytest.approx(30.0, abs=0.1)
        assert way * reached(way * 26.0, way * 20.0) == pytest.approx(46.0, abs=0.1)
        assert 38.0 <= way * reached(way * -26.0, way * 80.0) <= 44.0


def tracker(name: str) -> fidelity.Tracker:
    return fidelity.Tracker(portraits.warp_portrait(name, size=512), make_detector("mediapipe"))


@pytest.fixture(scope="module")
def turned_photo() -> fidelity.Tracker:
    return tracker("p02_synth_man.jpg")


def _colour(frame: np.ndarray, points: np.ndarray, which: tuple[int, ...]) -> np.ndarray:
    at = np.rint(points[list(which), :2]).astype(int)
    patches = [frame[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3) for x, y in at]
    return np.mean(np.concatenate(patches), axis=0)


def test_the_far_side_of_a_turned_photo_has_skin_in_its_own_light(turned_photo):
    asked = Coefficients.of(rotation=(0.0, np.radians(-28.0), 0.0))
    frame = turned_photo.frame(asked)
    points = turned_photo.portrait.landmarks(asked)
    skin, wall = _colour(frame, points, MID_CHEEK), frame[40:80, -60:-20].reshape(-1, 3).mean(0)
    for landmark in FAR_CHEEK:
        far = _colour(frame, points, (landmark,))
        # As reddish as skin, which this wall is not, and lit.
        assert far[0] / far[2] > 0.5 * (skin[0] / skin[2] + wall[0] / wall[2])
        assert far.sum() > 0.4 * skin.sum()


def test_a_far_side_comes_to_view_without_a_jump(turned_photo):
    def frame(degrees: float) -> np.ndarray:
        asked = Coefficients.of(rotation=(0.0, np.radians(degrees), 0.0))
        return turned_photo.frame(asked).astype(np.float32)

    frames = [frame(-degrees) for degrees in np.arange(1.0, 10.5, 0.5)]
    steps = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(frames)]
    assert max(steps) < 1.25 * float(np.median(steps))


def test_hair_of_the_near_temple_is_on_the_far_one_too(turned_photo):
    asked = Coefficients.of(rotation=(0.0, np.radians(-28.0), 0.0))
    frame = turned_photo.frame(asked)
    points = turned_photo.portrait.landmarks(asked)
    skin, temple = _colour(frame, points, MID_CHEEK), points[FAR_TEMPLE, :2]
    beside = temple + 0.12 * landmark_measures.eye_distance(turned_photo.still) * np.array(
        [1.0, -1.0]
    )
    x, y = np.rint(beside).astype(int)
    assert frame[y - 2 : y + 3, x - 2 : x + 3].mean() < 0.5 * skin.mean()


@pytest.mark.parametrize("degrees", [-30.0, 30.0])
def test_a_turned_photo_turns_as_far_as_asked(turned_photo, degrees):
    asked = Coefficients.of(rotation=(0.0, np.radians(degrees), 0.0))
    seen = landmark_measures.pose_change(turned_photo.at(asked), turned_photo.still)
    assert seen[1] == pytest.approx(degrees, abs=4.5)


def test_the_chest_stands_still_while_the_jaw_moves():
    drawing = tracker("p03_illustration_man.png")
    still = drawing.frame(Coefficients.zero())
    open_mouth = drawing.frame(Coefficients.of(expression={"jawOpen": 1.0}))
    below = int(drawing.still[152, 1] + 0.62 * landmark_measures.eye_distance(drawing.still))
    assert below < still.shape[0] - 8
    assert fidelity.psnr(open_mouth[below:], still[below:]) > 45.0
