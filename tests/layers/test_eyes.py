# SPDX-License-Identifier: GPL-3.0-or-later
"""An iris drawn in a known place is found there; the white of an eye keeps its colour."""

import cv2
import numpy as np

from heat_backend.layers.eyeballs import sclera_fill
from heat_backend.layers.iris import iris_outline, radial_profile


def test_a_drawn_iris_is_found() -> None:
    light = np.full((80, 120), 220.0, np.float32)
    cv2.circle(light, (64, 41), 20, 60.0, -1)
    inside = np.zeros_like(light)
    cv2.ellipse(inside, (60, 40), (52, 24), 0, 0, 360, 1.0, -1)
    center, radius = iris_outline(light, inside, np.array((61.0, 40.0)), 17.0)
    assert np.hypot(*(center - (64.0, 41.0))) < 2.0
    assert abs(radius - 20.0) < 1.5


def test_a_radial_profile_fills_what_is_hidden_by_distance_from_the_centre() -> None:
    y, x = np.mgrid[0:61, 0:61].astype(np.float32)
    rho = np.hypot(x - 30, y - 30) / 25.0
    colours = np.repeat((50.0 + 100.0 * np.minimum(rho, 1.2))[..., None], 3, axis=2)
    sure = (y > 25).astype(np.float32)
    filled = radial_profile(colours.astype(np.float32), sure, rho.astype(np.float32))
    hidden = (y < 20) & (rho < 1.0)
    assert np.abs(filled - colours)[hidden].max() < 8.0


def test_the_white_is_filled_with_its_own_tint() -> None:
    bare = np.full((60, 100, 3), (200.0, 190.0, 180.0), np.float32)
    mask = np.zeros((60, 100), np.float32)
    cv2.ellipse(mask, (50, 30), (45, 22), 0, 0, 360, 1.0, -1)
    y, x = np.mgrid[0:60, 0:100].astype(np.float32)
    rho = (np.hypot(x - 50, y - 30) / 15.0).astype(np.float32)
    fill, tint = sclera_fill(bare, mask, mask, rho, 90.0)
    assert tint is not None and np.allclose(tint, np.array((200, 190, 180)) / 190.0, atol=1e-3)
    assert np.abs(fill - bare).max() < 3.0
