# SPDX-License-Identifier: GPL-3.0-or-later
"""A drawn character's large eyes get lids that fit; a person's are left as tracked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from heat_backend.detect.detector import make_detector
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.layers.stylised_eyes import EYE_PARTS, correct_stylised_eyes

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, FaceLandmarks]:
    photo = cv2.resize(np.ascontiguousarray(data.astronaut()[:320, 60:380]), (640, 640))
    return photo, make_detector("mediapipe").detect(photo)[0]


def drawn(photo: np.ndarray, face: FaceLandmarks, larger: float) -> np.ndarray:
    """Paint eyes over the tracked ones."""
    picture = photo.copy()
    for contour, _, iris in EYE_PARTS:
        ring, center = face.points[contour, :2], face.points[iris[0], :2]
        radius = float(np.hypot(*(face.points[iris[1:], :2] - center).T).mean())
        outline = ring.mean(axis=0) + larger * (ring - ring.mean(axis=0))
        mask = np.zeros(photo.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
        eye = np.full_like(photo, 235)
        at = tuple(np.rint(center).astype(int).tolist())
        cv2.circle(eye, at, round(larger * radius), (60, 90, 150), -1, cv2.LINE_AA)
        cv2.circle(eye, at, round(0.45 * larger * radius), (10, 10, 12), -1, cv2.LINE_AA)
        picture[mask > 0] = eye[mask > 0]
    return picture


def area(face: FaceLandmarks, contour: list[int]) -> float:
    return float(cv2.contourArea(face.points[contour, :2].astype(np.float32)))


def test_people_keep_their_lids(person: tuple[np.ndarray, FaceLandmarks]) -> None:
    photo, face = person
    assert correct_stylised_eyes(photo, face) is face
    assert correct_stylised_eyes(drawn(photo, face, 1.0), face) is face


def test_large_eyes_get_larger_lids(person: tuple[np.ndarray, FaceLandmarks]) -> None:
    photo, face = person
    found = correct_stylised_eyes(drawn(photo, face, 1.4), face)
    for contour, _, _ in EYE_PARTS:
        assert 1.3 < area(found, contour) / area(face, contour) < 2.3
