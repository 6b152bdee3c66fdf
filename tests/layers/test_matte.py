# SPDX-License-Identifier: GPL-3.0-or-later
"""The matte: the whole person whose face it is, hair included, nobody else, at any size."""

import cv2
import numpy as np
import pytest

from heat_backend.layers.matte import foreground_matte
from tests.portraits import photo

# The faces' boxes in the astronaut and in a portrait of the kit, as the detector finds them.
ASTRONAUT_BOX = (179.0, 71.0, 92.0, 106.0)
WOMAN, WOMAN_BOX = "p01_synth_woman.jpg", (223.0, 265.0, 586.0, 688.0)
CARTOON, CARTOON_BOX = "p05_cartoon_boy_3d.jpg", (208.0, 239.0, 435.0, 487.0)
PAINTING, PAINTING_BOX = "p04_painting_mona_lisa.jpg", (270.0, 226.0, 200.0, 227.0)

Box = tuple[float, float, float, float]


def scaled(box: Box, scale: float) -> Box:
    left, top, width, height = (scale * value for value in box)
    return left, top, width, height


def test_the_person_is_inside_and_the_wall_outside() -> None:
    matte = foreground_matte(photo().pixels, ASTRONAUT_BOX)
    assert matte.shape == (512, 512)
    assert matte.dtype == np.float32
    assert matte.min() >= 0.0 and matte.max() <= 1.0
    assert matte[80:175, 195:255].min() > 0.98  # the face
    assert matte[290:500, 60:200].min() > 0.9  # the suit down to the border
    assert matte[10:150, :140].max() < 0.05  # the flag
    assert matte[:200, 330:].max() < 0.05  # the shuttle


@pytest.mark.parametrize(
    ("name", "box"), [(WOMAN, WOMAN_BOX), (CARTOON, CARTOON_BOX), (PAINTING, PAINTING_BOX)]
)
def test_faces_of_photos_paintings_and_drawings_are_whole(name: str, box: Box) -> None:
    matte = foreground_matte(photo(name).pixels, box)
    left, top, width, height = box
    y, x = np.mgrid[: matte.shape[0], : matte.shape[1]]
    across, down = (x - left - width / 2) / width, (y - top - height / 2) / height
    assert matte[np.hypot(across, down) < 0.45].min() > 0.95


def test_the_outline_of_a_drawn_figure_is_that_of_its_plain_background() -> None:
    pixels = photo(CARTOON).pixels
    # The picture's own truth: its background is one colour but for a slow shade.
    wall = cv2.GaussianBlur(pixels, (0, 0), 2.0)[:, [8, -8]].astype(float).mean(axis=1)
    apart = np.abs(pixels - wall[:, None]).max(axis=2)
    head = slice(0, 560)
    matte = foreground_matte(pixels, CARTOON_BOX)[head]
    inside = cv2.erode((matte > 0.9).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    outside = cv2.dilate((matte > 0.1).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    assert np.mean(apart[head][outside] > 40.0) < 0.002
    assert np.mean(apart[head][inside] < 12.0) < 0.02


def test_another_person_is_dropped() -> None:
    pixels = photo().pixels
    both = np.concatenate([pixels, pixels], axis=1)
    matte = foreground_matte(both, ASTRONAUT_BOX)
    assert matte[90:160, 200:250].min() > 0.98
    assert matte[90:160, 712:762].max() < 0.05


def test_hair_beside_the_head_is_kept() -> None:
    matte = foreground_matte(photo(WOMAN).pixels, WOMAN_BOX)
    # The hair that falls on both shoulders, and the wall beyond it.
    assert matte[950, 110:300].mean() > 0.9
    assert matte[950, 760:880].mean() > 0.8
    assert matte[600:900, :40].max() < 0.05


def test_a_picture_without_a_person_gives_the_face_alone() -> None:
    grey = np.full((200, 300, 3), 128, np.uint8)
    matte = foreground_matte(grey, (100.0, 60.0, 60.0, 70.0))
    assert matte[95, 130] == 1.0
    assert np.mean(matte > 0.5) < 0.2


@pytest.mark.parametrize("scale", [0.125, 0.5, 2.0, 4.0])
def test_every_size_gives_the_same_person(scale: float) -> None:
    pixels = photo().pixels
    size = round(512 * scale)
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    resized = cv2.resize(pixels, (size, size), interpolation=interpolation)
    found = foreground_matte(resized, scaled(ASTRONAUT_BOX, scale))
    assert found.shape == (size, size)
    same = cv2.resize(found, (512, 512), interpolation=cv2.INTER_AREA)
    whole = foreground_matte(pixels, ASTRONAUT_BOX)
    # Beside the head and shoulders: small, the flag on the left looks like a part of the person.
    assert np.abs(same - whole)[:180, 140:].mean() < 0.03  # 0.022 at 64 px


def test_a_small_face_in_a_large_photo_has_a_matte_as_good() -> None:
    pixels = photo().pixels
    large = np.full((2000, 3000, 3), 200, np.uint8)
    large[1488:, 1200:1712] = pixels
    left, top, width, height = ASTRONAUT_BOX
    found = foreground_matte(large, (left + 1200.0, top + 1488.0, width, height))
    alone = foreground_matte(pixels, ASTRONAUT_BOX)
    assert np.abs(found[1488:, 1200:1712] - alone)[:180, 140:].mean() < 0.01
    assert found[:1400].max() == 0.0
