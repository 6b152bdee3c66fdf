# SPDX-License-Identifier: GPL-3.0-or-later
"""Wide-open mouths of turned heads: no torn lips, no smeared cheek, no hair left in the air."""

import cv2
import numpy as np
import pytest

from bridge.coefficients import Coefficients
from heat_backend.geometry.head_pose import apply_head_pose
from heat_backend.layers.matte import find_loose_hair
from heat_backend.layers.matting_layers import separate_layers
from heat_backend.warp.backward_warp import BackwardWarpMap
from heat_backend.warp.portrait import WarpPortrait
from tests import portraits

pytestmark = pytest.mark.slow

SMILE, CURLS = "p06_smile_teeth.jpg", "p03_illustration_man.png"
WIDE = {"jawOpen": 1.0, "mouthFunnel": 1.0}
LEFT, RIGHT = np.radians(-25.0), np.radians(25.0)
CELL = 2  # frame pixels to a cell of the warp map
STRETCHED = 5.0  # frame pixels to a photo pixel: skin that far drawn out shows as streaks


def prepare(name: str, neutralise: bool = False) -> WarpPortrait:
    return portraits.warp_portrait(name, size=512, neutralise=neutralise)


both_sides = pytest.mark.parametrize("yaw", [LEFT, RIGHT])
smiling_and_relaxed = pytest.mark.parametrize("relaxed", [False, True])


def polygon(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    return mask


def backward_warp(
    portrait: WarpPortrait, asked: Coefficients, how: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """Where in the photo each pixel of a frame comes from (H, W, 2)."""
    frame = portrait.posed(asked)
    warp = BackwardWarpMap(portrait.width, portrait.height, CELL)
    warp.fill(portrait.layers.mesh, frame.pixels, frame.depth, frame.far_share > 0.0)
    y, x = np.mgrid[: portrait.height, : portrait.width].astype(np.float32) / CELL
    return cv2.remap(warp.uv, x, y, how)


@smiling_and_relaxed
@both_sides
def test_nothing_of_the_photos_mouth_shows_beside_the_opening(relaxed, yaw):
    smile = prepare(SMILE, relaxed)
    asked = Coefficients.of(expression=WIDE, rotation=(0.0, yaw, 0.0))
    mesh, shape = smile.layers.mesh, (smile.height, smile.width)
    opening = polygon(mesh.mouth.outline(smile.posed(asked).pixels), shape)
    inside = cv2.erode(polygon(mesh.mouth.outline(mesh.pixels), shape), np.ones((3, 3), np.uint8))
    source = backward_warp(smile, asked, cv2.INTER_NEAREST)
    torn = cv2.remap(inside, source[..., 0], source[..., 1], cv2.INTER_NEAREST) > 0
    torn &= cv2.dilate(opening, np.ones((7, 7), np.uint8)) == 0
    # A hair's breadth beside the far corner, where skin turns away, is all that may be.
    assert np.count_nonzero(torn) <= 20


@both_sides
def test_what_the_photo_shows_of_a_mouth_reaches_into_its_turned_corners(yaw):
    smile = prepare(SMILE, False)
    asked = Coefficients.of(rotation=(0.0, yaw, 0.0))
    layers, shape = smile.layers, (smile.height, smile.width)
    opening = polygon(layers.mesh.mouth.outline(smile.posed(asked).pixels), shape)
    own = layers.mouth.photographed
    corners = layers.camera.project(apply_head_pose(own.rest, smile.posed(asked).pose))
    shown = np.zeros(shape, np.uint8)
    for triangle in np.rint(corners * 16.0).astype(np.int32)[own.triangles]:
        cv2.fillConvexPoly(shown, triangle, 1, shift=4)
    bare = (cv2.erode(opening, np.ones((3, 3), np.uint8)) > 0) & (shown == 0)
    assert np.count_nonzero(bare) <= 0.01 * np.count_nonzero(opening)


@smiling_and_relaxed
@both_sides
def test_the_cheek_that_comes_to_view_is_not_drawn_out_into_streaks(relaxed, yaw):
    smile = prepare(SMILE, relaxed)
    asked = Coefficients.of(expression=WIDE, rotation=(0.0, yaw, 0.0))
    source = backward_warp(smile, asked)
    steps = cv2.blur(np.abs(np.gradient(source[..., 0], axis=1)), (5, 5))
    points = smile.landmarks(asked)[:468, :2]
    lid, lip, near_corner = points[159], points[17], points[61 if yaw > 0 else 291]
    outline = points[:, 0].min() if yaw > 0 else points[:, 0].max()
    left, right = sorted((int(near_corner[0]), int(outline)))
    cheek = steps[int(lid[1]) : int(lip[1]), left:right]
    assert np.mean(cheek < 1.0 / STRETCHED) < 0.01


def test_curls_and_tufts_go_with_the_head():
    portrait = prepare(CURLS)
    wall = portrait.layers.matting.background.min(axis=2)
    # Dark hair on a light wall: at the sides of the head nothing of it may stay behind.
    assert np.count_nonzero(wall[:300] < 120) == 0


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A dark head before a light wall, and its matte: 300 px high, with a tuft that it lacks."""
    rng = np.random.default_rng(0)
    photo = rng.normal(200.0, 3.0, (400, 400, 3))
    matte = np.zeros((400, 400), np.uint8)
    cv2.ellipse(matte, (200, 220), (100, 150), 0, 0, 360, 1, -1)
    drawn = matte.copy()
    cv2.line(drawn, (300, 220), (345, 190), 1, 3)
    cv2.circle(drawn, (60, 60), 3, 1, -1)
    photo[drawn > 0] = 50.0
    return photo.clip(0, 255).astype(np.uint8), matte.astype(np.float32)


def test_a_tuft_is_found_and_a_stain_on_the_wall_is_not():
    photo, matte = scene()
    for times in (1, 4):
        size = (400 * times, 400 * times)
        big = cv2.resize(photo, size, interpolation=cv2.INTER_NEAREST)
        found = find_loose_hair(big, cv2.resize(matte, size), 300.0 * times)
        assert found[200 * times, 330 * times] > 0.9
        assert found[60 * times, 60 * times] == 0.0
        # The wall between the head and the border is no hair, thin as it is.
        assert found[395 * times, 200 * times] == 0.0
        assert np.mean(found) < 0.01


def test_a_tuft_at_the_border_does_not_go_on_as_a_streak():
    photo, matte = scene()
    cv2.line(photo, (300, 220), (399, 190), (50, 50, 50), 3)
    alpha = matte.copy()
    cv2.line(alpha, (300, 220), (399, 190), 1.0, 3)
    matting = separate_layers(photo, alpha, 80, 30.0)
    beyond = matting.foreground[80:480, -40:, 3]
    assert not beyond.any()
