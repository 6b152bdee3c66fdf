# SPDX-License-Identifier: GPL-3.0-or-later
"""The overlay's geometry, and the forms in which frames go to Blender."""

import numpy as np
import pytest

pytest.importorskip("bpy")

from blender_addon.core.preview import frame_packing
from blender_addon.core.preview.overlay_rect import (
    MIN_SIZE,
    Placement,
    Rect,
    hit,
    moved,
    place,
    resized,
)
from blender_addon.text_lines import break_lines

VISIBLE = Rect(50, 20, 900, 600)
CORNERS = ("TOP_LEFT", "TOP_RIGHT", "BOTTOM_LEFT", "BOTTOM_RIGHT")


@pytest.mark.parametrize("corner", CORNERS)
def test_stands_in_its_corner_with_the_frames_proportions(corner):
    rect = place(Placement(corner, 200, (10, 30)), VISIBLE, 400, 800)
    assert (rect.width, rect.height) == (100, 200)
    left = rect.x - VISIBLE.x if "LEFT" in corner else VISIBLE.right - rect.right
    edge = rect.y - VISIBLE.y if "BOTTOM" in corner else VISIBLE.top - rect.top
    assert (left, edge) == (10, 30)


@pytest.mark.parametrize("offset", [(5000, 5000), (-5000, -5000)])
def test_never_leaves_the_visible_part(offset):
    rect = place(Placement("TOP_RIGHT", 4096, offset), VISIBLE, 1024, 1024)
    assert rect.x >= VISIBLE.x and rect.right <= VISIBLE.right
    assert rect.y >= VISIBLE.y and rect.top <= VISIBLE.top


def test_border_moves_grip_resizes_inside_is_the_viewports():
    rect = Rect(100, 100, 300, 200)
    assert hit(rect, "BOTTOM_LEFT", 250, 200) is None
    assert hit(rect, "BOTTOM_LEFT", 101, 200) == "move"
    assert hit(rect, "BOTTOM_LEFT", 396, 297) == "resize"
    assert hit(rect, "TOP_RIGHT", 104, 103) == "resize"
    assert hit(rect, "TOP_RIGHT", 396, 297) == "move"
    assert hit(rect, "BOTTOM_LEFT", 60, 200) is None


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("step", [(35, -20), (600, 300), (-600, -300)])
def test_a_drag_puts_the_overlay_where_the_mouse_takes_it(corner, step):
    before = Placement(corner, 200, (100, 90))
    rect = place(before, VISIBLE, 100, 100)
    after = place(moved(before, rect, VISIBLE, *step), VISIBLE, 100, 100)
    wanted_x = min(max(rect.x + step[0], VISIBLE.x), VISIBLE.right - 200)
    wanted_y = min(max(rect.y + step[1], VISIBLE.y), VISIBLE.top - 200)
    assert (after.x, after.y) == (wanted_x, wanted_y)


@pytest.mark.parametrize("corner", CORNERS)
def test_resizing_keeps_the_anchored_corner(corner):
    before = Placement(corner, 200, (40, 40))
    rect = place(before, VISIBLE, 100, 100)
    sign_x = 1 if "LEFT" in corner else -1
    sign_y = 1 if "BOTTOM" in corner else -1
    larger = resized(before, rect, VISIBLE, 50 * sign_x, 50 * sign_y)
    assert (larger.size, larger.corner, larger.offset) == (250, corner, (40, 40))
    assert resized(before, rect, VISIBLE, -500 * sign_x, -500 * sign_y).size == MIN_SIZE
    huge = resized(before, rect, VISIBLE, 5000 * sign_x, 5000 * sign_y)
    assert huge.size == 560  # the visible part's height less the offset


def test_packed_pixels_come_back_and_are_all_normal_floats():
    generator = np.random.default_rng(7)
    pixels = generator.integers(0, 256, (33, 17, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    packed = np.empty(33 * 17, np.float32)
    frame_packing.pack_into(pixels, packed)
    assert np.isfinite(packed).all() and (packed >= 0.5).all() and (packed < 2.0).all()
    assert np.array_equal(frame_packing.unpack(packed, 33, 17), pixels[..., :3])
    with pytest.raises(ValueError, match="cannot pack"):
        frame_packing.pack_into(pixels, packed[:-1])


def test_image_pixels_are_linear_and_bottom_up():
    pixels = np.zeros((3, 2, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[0, 0, :3] = (255, 188, 10)
    out = np.empty((3, 2, 4), np.float32)
    frame_packing.image_pixels_into(pixels, out)
    assert out[2, 0] == pytest.approx([1.0, 0.5029, 0.003035, 1.0], abs=1e-4)
    assert not out[:2, :, :3].any() and (out[..., 3] == 1.0).all()


def test_sentences_are_broken_not_cut():
    lines = break_lines("The photo averyveryverylongname.png is gone", 12, len)
    assert all(len(line) <= 12 for line in lines)
    assert "".join(lines).replace(" ", "") == "Thephotoaveryveryverylongname.pngisgone"
