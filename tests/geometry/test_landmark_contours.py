# SPDX-License-Identifier: GPL-3.0-or-later
"""The contours lie on the face model where their names say."""

import numpy as np

from bridge import face_model
from heat_backend.geometry import landmark_contours as contours

MODEL = face_model.load()
PLACES = face_model.landmarks(MODEL, MODEL.vertices)


def test_right_and_left_mirror_each_other() -> None:
    for right, left in (contours.EYES, contours.AROUND_EYES, contours.BROWS):
        mirrored = PLACES[left] * (-1.0, 1.0, 1.0)
        assert np.abs(mirrored - PLACES[right]).max() < 0.03
        assert (PLACES[right, 0] < 0.0).all(), "the subject's right is at negative x"


def test_rings_of_the_lips_lie_around_each_other() -> None:
    heights = [np.ptp(PLACES[ring, 1]) for ring in contours.LIP_RINGS]
    assert heights == sorted(heights)
    for contour, ring in ((contours.LIPS_INNER, 0), (contours.LIPS_OUTER, 3)):
        assert sorted(contour) == sorted(contours.LIP_RINGS[ring])
    outer = PLACES[contours.LIPS_OUTER, 1]
    assert outer[5] > outer[15] + 0.1, "the upper lip comes first"


def test_the_68_points_are_68_and_begin_with_the_jaw() -> None:
    assert len(set(contours.LANDMARKS_68)) == 68
    assert set(contours.JAW_68) <= set(contours.FACE_OVAL)
