# SPDX-License-Identifier: GPL-3.0-or-later
"""The aligned crop of a photo, and the driven crop back in it without a seam."""

import cv2
import numpy as np
import pytest

from bridge.errors import BadInput
from heat_backend.detect.detector import make_detector
from heat_backend.styleheat.crops.deep3d import landmarks_68
from heat_backend.styleheat.crops.ffhq import SIZE, crop_portrait
from heat_backend.styleheat.crops.paste_back import FEATHER, paste_back
from tools.measures.fidelity import psnr


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage.data import astronaut

    # Without black and white, where another tone could not be undone.
    return np.ascontiguousarray(40 + 0.7 * astronaut(), np.uint8)


@pytest.fixture(scope="module")
def marks(photo: np.ndarray) -> np.ndarray:
    (face,) = make_detector("mediapipe").detect(photo)
    return landmarks_68(face.points[:, :2])


@pytest.fixture(scope="module")
def crop(photo: np.ndarray, marks: np.ndarray):
    return crop_portrait(photo, marks)


def test_crop_is_upright_and_its_landmarks_are_the_photos(photo, marks, crop) -> None:
    assert crop.pixels.shape == (SIZE, SIZE, 3)
    eyes = crop.landmarks[36:42].mean(axis=0), crop.landmarks[42:48].mean(axis=0)
    assert abs(eyes[1][1] - eyes[0][1]) < 0.05 * SIZE
    assert eyes[0][0] < SIZE / 2 < eyes[1][0]
    again = crop.landmarks @ crop.to_photo[:, :2].T + crop.to_photo[:, 2]
    np.testing.assert_allclose(again, marks, atol=1e-6)
    # What the crop shows at a landmark is what the photo shows there.
    (found,) = make_detector("mediapipe").detect(crop.pixels)
    away = np.hypot(*(landmarks_68(found.points[:, :2]) - crop.landmarks)[17:].T)
    assert np.median(away) < 0.01 * SIZE


def test_undriven_crop_gives_the_photo_back(photo, crop) -> None:
    pasted = paste_back(photo, crop.to_photo, crop.pixels, crop.pixels).paste(crop.pixels)
    assert pasted.shape == photo.shape
    assert psnr(pasted, photo) > 40.0


def test_reconstruction_of_other_tones_blends_seamlessly(photo, crop) -> None:
    """Darker, redder and shaded to one side, as generators are: nothing of it shows."""
    shade = np.linspace(-20, 15, SIZE)[None, :, None]
    wrong = np.clip(crop.pixels * (0.9, 0.97, 0.92) + 12 + shade, 0, 255).astype(np.uint8)
    bare = paste_back(photo, crop.to_photo)
    left, top, right, bottom = bare.region
    matched = paste_back(photo, crop.to_photo, crop.pixels, wrong).paste(wrong)
    place = (slice(top, bottom), slice(left, right))
    unmatched = psnr(bare.paste(wrong)[place], photo[place])
    assert psnr(matched[place], photo[place]) > max(36.0, unmatched + 6.0)
    off = (matched.astype(float) - bare.paste(crop.pixels)).mean(axis=2)
    steps = [np.abs(np.diff(off, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 10.0, "no edge that the photo does not have"


def test_nothing_outside_the_crop_changes(photo, crop) -> None:
    pasted = paste_back(photo, crop.to_photo).paste(np.zeros_like(crop.pixels))
    inside = cv2.warpAffine(np.ones((SIZE, SIZE), np.float32), crop.to_photo, photo.shape[1::-1])
    assert (pasted[inside == 0] == photo[inside == 0]).all()
    centre = (crop.to_photo @ [SIZE / 2, SIZE / 2, 1]).astype(int)
    assert (pasted[centre[1], centre[0]] == 0).all(), "the middle is the crop's alone"


def test_edge_of_the_crop_is_soft(photo, crop) -> None:
    """A black crop leaves no hard line: neighbours differ by little more than the mask's slope."""
    white = np.full_like(photo, 255)
    pasted = paste_back(white, crop.to_photo).paste(np.zeros_like(crop.pixels)).astype(int)
    step = max(np.abs(np.diff(pasted[..., 0], axis=axis)).max() for axis in (0, 1))
    assert step < 255 * 2.0 / (FEATHER * crop.photo_side)


def test_rgba_buffer_is_filled_and_opaque(photo, crop) -> None:
    out = np.zeros((*photo.shape[:2], 4), np.uint8)
    assert paste_back(photo, crop.to_photo).paste(crop.pixels, out) is out
    assert (out[..., 3] == 255).all()


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_size_of_the_frames_is_the_users(photo, marks, factor: float) -> None:
    crop = crop_portrait(photo, marks)
    size = tuple(round(v * factor) for v in photo.shape[1::-1])
    resized = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if factor < 1 else 2)
    pasted = paste_back(resized, crop.for_photo_scaled(factor)).paste(crop.pixels)
    assert pasted.shape == resized.shape
    assert psnr(pasted, resized) > 30.0


def test_quad_that_leaves_the_photo_is_mirrored_and_reported(photo, marks) -> None:
    left, top = 150, 40
    tight = np.ascontiguousarray(photo[top:260, left:300])
    crop = crop_portrait(tight, marks - (left, top))
    assert crop.notes and "outside the photo" in crop.notes[0]
    dark = (crop.pixels.reshape(-1, 3).max(axis=1) == 0).mean()
    assert dark < 0.001, "no black corners"
    pasted = paste_back(tight, crop.to_photo, crop.pixels, crop.pixels).paste(crop.pixels)
    assert psnr(pasted, tight) > 35.0


def test_crop_far_out_of_the_photo_is_refused(photo, marks) -> None:
    with pytest.raises(BadInput, match="more room"):
        crop_portrait(np.ascontiguousarray(photo[:120, :230]), marks)


def test_turned_head_gives_an_upright_crop(photo, marks) -> None:
    middle = marks.mean(axis=0)
    turn = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), 35.0, 1.0)
    turned = cv2.warpAffine(photo, turn, photo.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    crop = crop_portrait(turned, marks @ turn[:, :2].T + turn[:, 2])
    eyes = crop.landmarks[36:42].mean(axis=0), crop.landmarks[42:48].mean(axis=0)
    assert abs(eyes[1][1] - eyes[0][1]) < 0.05 * SIZE
    pasted = paste_back(turned, crop.to_photo, crop.pixels, crop.pixels).paste(crop.pixels)
    assert psnr(pasted, turned) > 36.0
