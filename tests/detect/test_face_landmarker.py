# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks on photos and films: those of the published networks, far and near, frame by frame."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from heat_backend.detect.detector import make_detector
from heat_backend.detect.face_landmarker import create_tracking
from heat_backend.geometry.face_landmarks import FaceLandmarks
from tests import portraits

REFERENCE = Path(__file__).with_name("reference.npz")
SMILE_LEFT, SMILE_RIGHT, JAW_OPEN, BLINK_LEFT = 44, 45, 25, 9  # MediaPipe's order of the scores


@cache
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(portraits.photo().pixels)


@cache
def astronaut_face() -> FaceLandmarks:
    (face,) = make_detector("mediapipe").detect(astronaut())
    return face


def distances(a: FaceLandmarks, b: FaceLandmarks) -> np.ndarray:
    """Of the landmarks in the picture, in percent of the outer-eye distance."""
    apart = np.linalg.norm(a.points[:, :2] - b.points[:, :2], axis=1)
    return 100 * apart / b.outer_eye_distance


def recorded() -> list[str]:
    with np.load(REFERENCE) as reference:
        return sorted({name.split(" ")[0] for name in reference.files})


@pytest.mark.parametrize("name", recorded())
def test_the_kits_portraits_have_the_landmarks_of_the_published_networks(name: str) -> None:
    detector = make_detector("mediapipe")
    (face,) = detector.detect(portraits.photo(name).pixels)
    with np.load(REFERENCE) as reference:
        expected = FaceLandmarks(reference[f"{name} landmarks"])
        scores = reference[f"{name} scores"]
    assert distances(face, expected).max() < 0.2  # 0.003 where the reference was recorded
    depth = 100 * np.abs(face.points[:, 2] - expected.points[:, 2]) / expected.outer_eye_distance
    assert depth.max() < 0.2
    np.testing.assert_allclose(detector.expression(face), scores, atol=0.01)


def test_scores_tell_a_smile_with_open_eyes() -> None:
    scores = make_detector("mediapipe").expression(astronaut_face())
    assert scores.shape == (52,)
    assert scores[[SMILE_LEFT, SMILE_RIGHT]].min() > 0.5
    assert scores[[JAW_OPEN, BLINK_LEFT]].max() < 0.3


@pytest.mark.parametrize("degrees", [-35, 20])
def test_landmarks_turn_with_the_picture(degrees: float) -> None:
    height, width = astronaut().shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 3), degrees, 1.0)
    turned = cv2.warpAffine(astronaut(), turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    (face,) = make_detector("mediapipe").detect(turned)
    points = astronaut_face().points.copy()
    points[:, :2] = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.median(distances(face, FaceLandmarks(points))) < 2


def small_faces(shares: list[float], width: int = 1600, height: int = 1200) -> np.ndarray:
    """Picture with the astronaut's head several times, in shares of its width."""
    left, top, w, h = (int(side) for side in astronaut_face().box)
    head = astronaut()[max(0, top - h // 2) : top + 3 * h // 2, left - w // 2 : left + 3 * w // 2]
    picture = np.full((height, width, 3), 96, np.uint8)
    for place, share in enumerate(shares):
        zoom = share * width / max(w, h)
        small = cv2.resize(head, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        y, x = 150 + 450 * (place // 2), 150 + 700 * (place % 2)
        picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    return picture


def test_small_faces_are_found_beside_larger_ones() -> None:
    shares = [0.2, 0.1, 0.075, 0.06]
    faces = make_detector("mediapipe").detect(small_faces(shares))
    assert [round(face.size / 1600, 2) for face in faces] == pytest.approx(shares, abs=0.015)


def test_a_lone_face_of_a_fiftieth_of_a_large_photo_is_found_to_its_own_pixels() -> None:
    photo = cv2.resize(small_faces([0.025]), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    (face,) = make_detector("mediapipe").detect(photo)
    assert face.size == pytest.approx(0.025 * 4800, rel=0.1)
    left, top, w, h = astronaut_face().box
    zoom = face.size / astronaut_face().size
    corner = np.array([left - w // 2, max(0, top - h // 2), 0])
    expected = FaceLandmarks((astronaut_face().points - corner) * zoom + (450, 450, 0))
    assert np.median(distances(face, expected)) < 5


def test_a_face_that_fills_the_picture_is_found() -> None:
    left, top, w, h = (int(side) for side in astronaut_face().box)
    filled = astronaut()[top + h // 12 : top + h - h // 12, left : left + w]
    filled = cv2.resize(filled, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    (face,) = make_detector("mediapipe").detect(filled)
    assert face.size > 0.8 * filled.shape[0]


def test_pictures_without_a_face_have_none() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 255, (700, 900, 3)).astype(np.uint8), (0, 0), 4)
    empty = np.zeros((300, 200, 3), np.uint8)
    for picture in (noise, empty, np.full((1, 1, 3), 128, np.uint8)):
        assert make_detector("mediapipe").detect(picture) == []


def moved(x: float, y: float) -> np.ndarray:
    shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    return cv2.warpAffine(astronaut(), shift, astronaut().shape[1::-1])


def test_a_moving_face_is_followed_from_frame_to_frame() -> None:
    tracking = create_tracking()
    for _ in range(4):
        (start,) = tracking.detect(astronaut())
    for step in range(1, 8):
        (face,) = tracking.detect(moved(6.4 * step, 3.7 * step))
        expected = FaceLandmarks(start.points + np.float32([6.4 * step, 3.7 * step, 0]))
        assert np.median(distances(face, expected)) < 1.0


def test_a_face_that_comes_back_is_found_again() -> None:
    tracking = create_tracking()
    assert len(tracking.detect(astronaut())) == 1
    assert tracking.detect(np.zeros_like(astronaut())) == []
    (face,) = tracking.detect(astronaut())
    assert distances(face, astronaut_face()).max() < 0.001


def test_two_faces_are_followed_as_two() -> None:
    left, top, w, h = (int(side) for side in astronaut_face().box)
    head = astronaut()[max(0, top - h // 2) : top + 3 * h // 2, left - w // 2 : left + 3 * w // 2]
    pair = np.hstack([head, cv2.resize(head, head.shape[1::-1])])
    tracking = create_tracking(faces=4)
    for _ in range(3):
        places = sorted(face.box[0] // head.shape[1] for face in tracking.detect(pair))
        assert places == [0, 1]
