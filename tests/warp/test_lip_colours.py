# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips of a smiling photo: their edges, and their red once they are closed."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from bridge.coefficients import Coefficients
from heat_backend.detect.detector import make_detector
from heat_backend.fit.lip_edges import align_lips_to_edges
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.head_pose import apply_head_pose, head_pose
from heat_backend.geometry.landmark_contours import LIP_RINGS
from heat_backend.warp.backward_warp import mouth_contraction
from tests import portraits

color = pytest.importorskip("skimage.color", reason="scikit-image measures colours in CIELAB")

pytestmark = pytest.mark.slow

CORNERS = [61, 291]  # FaceMesh: the mouth's corners
EYES = [33, 263]  # and the eyes' outer ones
LOWER = LIP_RINGS[0][3:8]  # the middle of the inner contour of the lower lip


@pytest.fixture(scope="module")
def smiling() -> np.ndarray:
    return portraits.photo().pixels


@pytest.fixture(scope="module")
def tracked(smiling: np.ndarray) -> FaceLandmarks:
    return make_detector("mediapipe").detect(smiling)[0]


@pytest.fixture(scope="module")
def relaxed() -> Any:
    return portraits.warp_portrait(neutralise=True)


def red(portrait: Any, **expression: float) -> np.ndarray:
    """How much red of lips there is in each of 13 columns from corner to corner."""
    shown = Coefficients.of(expression=expression)
    marks = portrait.landmarks(shown)[:, :2]
    unit = np.hypot(*(marks[EYES[0]] - marks[EYES[1]]))
    left, right = marks[CORNERS]
    along = (right - left) / 2
    down = np.array([-along[1], along[0]]) / np.hypot(*along)
    x = np.linspace(-0.9, 0.9, 13)[:, None, None]
    y = np.arange(-0.2, 0.3, 0.01)[:, None] * unit
    at = ((left + right) / 2 + x * along + y * down).astype(np.float32)
    lab = color.rgb2lab(portrait.render(shown)[..., :3]).astype(np.float32)
    redness = cv2.remap(lab, at, None, cv2.INTER_LINEAR)[..., 1]
    skin = np.median(redness[:, np.r_[0:8, 42:50]])
    return np.clip(redness - skin - 2.0, 0.0, None).sum(axis=1)


@pytest.mark.parametrize(
    ("expression", "least"),
    [({}, 0.66), ({"mouthPressLeft": 0.8, "mouthPressRight": 0.8}, 0.60)],
    ids=["closed", "pressed"],
)
def test_a_smiling_photos_lips_are_red_to_their_sides_when_closed(
    relaxed: Any, expression: dict[str, float], least: float
) -> None:
    found = red(relaxed, **expression)
    assert found[[1, 2, 3, 9, 10]].sum() > least * found[5:9].sum()


def moved_by(face: FaceLandmarks, share: float) -> FaceLandmarks:
    points = face.points.copy()
    points[LOWER, 1] += share * face.outer_eye_distance
    return replace(face, points=points)


@pytest.mark.parametrize("share", [-0.02, 0.02])
def test_a_lip_tracked_off_its_edge_is_put_there(
    smiling: np.ndarray, tracked: FaceLandmarks, share: float
) -> None:
    wanted = align_lips_to_edges(smiling, tracked).points[LOWER, 1]
    found = align_lips_to_edges(smiling, moved_by(tracked, share)).points[LOWER, 1]
    assert np.abs(found - wanted).mean() < 0.4 * abs(share) * tracked.outer_eye_distance


def test_closed_lips_stay_where_they_are_tracked(smiling: np.ndarray, relaxed: Any) -> None:
    closed = np.ascontiguousarray(relaxed.render(Coefficients.zero())[..., :3])
    face = make_detector("mediapipe").detect(closed)[0]
    assert align_lips_to_edges(closed, face) is face


def test_a_turn_of_the_head_narrows_no_mouth(relaxed: Any) -> None:
    layers = relaxed.layers
    pose = head_pose(np.radians([0.0, 30.0, 0.0]), np.zeros(3), layers.rotation)
    turned = apply_head_pose(layers.mesh.rest, pose)
    pixels = layers.camera.project(turned).astype(np.float32)
    assert np.abs(mouth_contraction(layers.mesh, pixels, turned[:, 2])).max() < 0.05
