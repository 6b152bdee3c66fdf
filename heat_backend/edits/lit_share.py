# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of each pixel of a person's picture takes another light: the person, not the wall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HAZE = 0.3  # opacity up to which a person's pixels keep their light
SOLID = (0.95, 1.0)  # opacities between which a pixel is the person whatever its colour
LIKE_WALL = (20.0, 60.0)  # levels from the wall's colour: still the wall, surely the person


def lit_share(person: NDArray[np.uint8], wall: NDArray[np.uint8], pad: int) -> NDArray[np.uint8]:
    """Return the share (H', W'), 255 for all of a pixel.

    A matte is soft beyond the outline, where the picture still shows the wall: in stronger light
    that would be a bright rim.

    Parameters
    ----------
    person : ndarray, shape (H', W', 4), uint8
        Premultiplied RGBA.
    wall : ndarray, shape (H, W, 3), uint8
        What is behind the person, over the photo.
    pad : int
        Pixels by which the person's picture reaches over the photo.
    """
    alpha = person[..., 3] / np.float32(255.0)
    share = np.clip((alpha - HAZE) / (1.0 - HAZE), 0.0, 1.0)
    height, width = wall.shape[:2]
    over = slice(pad, pad + height), slice(pad, pad + width)
    colour = person[over][..., :3] / np.maximum(alpha[over], 1e-3)[..., None]
    away = np.abs(colour - wall).max(axis=2)
    other = np.clip((away - LIKE_WALL[0]) / (LIKE_WALL[1] - LIKE_WALL[0]), 0.0, 1.0)
    solid = np.clip((alpha[over] - SOLID[0]) / (SOLID[1] - SOLID[0]), 0.0, 1.0)
    share[over] *= np.maximum(other, solid)
    return np.rint(255.0 * share).astype(np.uint8)
