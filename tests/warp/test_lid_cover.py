# SPDX-License-Identifier: GPL-3.0-or-later
"""A closing lid shows bare skin: no white, no iris; what stands before the eye stays there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from heat_backend.layers.lid_cover import LidCover, build_lid_cover
from heat_backend.warp.lid_compositor import composite_lid_skin

UNIT = 200.0
SKIN = (205, 150, 125)
FRAME_ROW = 76


@pytest.fixture
def eye() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A drawn eye: photo, upper and lower margin."""
    x = np.linspace(70.0, 150.0, 21)
    bulge = np.sin(np.linspace(0.0, np.pi, 21))
    upper, lower = np.stack([x, 110 - 16 * bulge], 1), np.stack([x, 110 + 12 * bulge], 1)
    photo = np.full((220, 220, 3), SKIN, np.uint8)
    outline = np.rint(np.concatenate([upper, lower[::-1]])).astype(np.int32)
    cv2.fillPoly(photo, [outline], (240, 240, 240))
    cv2.circle(photo, (110, 108), 11, (40, 30, 30), -1)
    return photo, upper, lower


def closed(photo: np.ndarray, cover: LidCover, by: float) -> np.ndarray:
    """The photo with its upper margin lowered by a share of the opening."""
    out = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    now = cover.upper + by * (cover.lower - cover.upper)
    composite_lid_skin(out, cover, cover.upper, cover.lower, now)
    return out[..., :3]


def test_a_shut_lid_is_skin(eye: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Between the margin at rest and the lashes nothing of the eye is left."""
    photo, upper, lower = eye
    shut = closed(photo, build_lid_cover(photo, upper, lower, UNIT, None), 1.0)
    lid = shut[98:112, 95:126].astype(float)
    assert np.abs(lid - SKIN).mean() < 16.0
    assert np.abs(lid - SKIN).max() < 40.0


def test_an_open_lid_is_the_photo(eye: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """At rest, and raised, nothing is painted."""
    photo, upper, lower = eye
    cover = build_lid_cover(photo, upper, lower, UNIT, None)
    for by in (0.0, -0.3):
        np.testing.assert_array_equal(closed(photo, cover, by), photo)


def test_a_frame_before_the_lid_stays(eye: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """The rim of spectacles above the eye neither fades nor moves with a blink."""
    photo, upper, lower = eye
    photo[FRAME_ROW : FRAME_ROW + 5, 40:180] = (20, 20, 20)
    frame = (photo == 20).all(axis=2)
    shut = closed(photo, build_lid_cover(photo, upper, lower, UNIT, frame), 1.0)
    rows = slice(FRAME_ROW, FRAME_ROW + 5)
    assert np.abs(shut[rows, 70:150].astype(int) - photo[rows, 70:150]).max() < 25
