# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreground over background gives the photo back."""

import cv2
import numpy as np

from heat_backend.layers.matting_layers import fill_behind, separate_layers


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A dark disc with a soft edge on a bright, slanted background; photo and matte."""
    y, x = np.mgrid[0:120, 0:160].astype(np.float32)
    background = np.stack([150 + 0.4 * x, 180 - 0.3 * y, 170 + 0.2 * x], axis=-1)
    alpha = np.clip((35.0 - np.hypot(x - 80, y - 60)) / 4.0 + 0.5, 0.0, 1.0)
    photo = alpha[..., None] * (40.0, 50.0, 60.0) + (1.0 - alpha[..., None]) * background
    return np.rint(photo).astype(np.uint8), alpha.astype(np.float32)


def test_the_layers_give_the_photo_back() -> None:
    photo, alpha = scene()
    pad = 16
    layers = separate_layers(photo, alpha, pad, 20.0)
    over = layers.foreground[pad:-pad, pad:-pad].astype(np.float32)
    back = over[..., :3] + (1.0 - over[..., 3:] / 255.0) * layers.background
    assert np.abs(back - photo).max() <= 1.5


def test_the_background_behind_the_foreground_has_its_surroundings_colour() -> None:
    photo, alpha = scene()
    filled = fill_behind(photo.astype(np.float32), alpha)
    assert np.abs(filled[60, 80] - (182.0, 162.0, 186.0)).max() < 12.0
    outside = cv2.dilate(alpha, np.ones((25, 25), np.uint8)) == 0.0
    assert np.abs(filled - photo)[outside].max() < 1e-3
