# SPDX-License-Identifier: GPL-3.0-or-later
"""The distances that shape edits are named after, measured on a head of the face model.

All in the model's unit, or shares and slopes; left and right averaged. Lengths along the face are
shares of its whole length, so that each of them can change alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel, landmarks

Points = NDArray[np.floating]
EAR_FROM = 0.93  # of x: farther out there is nothing but ears
NECK_LEVEL = -1.0, -0.7  # heights in the neutral model

# FaceMesh landmarks.
BROW_MIDDLE, HAIRLINE, NASION, NOSE_TIP, CHIN, LOW_LIP = 9, 10, 168, 4, 152, 17
UPPER_LIP = ((37, 82), (267, 312), (39, 81), (269, 311))
LOWER_LIP = ((87, 84), (317, 314), (88, 181), (318, 405))


def _apart(p: Points, a: int, b: int) -> Points:
    """Distance across of two landmarks."""
    return np.abs(p[..., a, 0] - p[..., b, 0])


def _down(p: Points, a: int, b: int) -> Points:
    return p[..., a, 1] - p[..., b, 1]


def _length(p: Points) -> Points:
    return _down(p, BROW_MIDDLE, CHIN)


def _eye_width(p: Points) -> Points:
    return 0.5 * (_apart(p, 33, 133) + _apart(p, 362, 263))


def _eye_size(p: Points) -> Points:
    height = 0.25 * (
        _down(p, 159, 145) + _down(p, 158, 153) + _down(p, 386, 374) + _down(p, 385, 380)
    )
    return _eye_width(p) + height


def _eye_tilt(p: Points) -> Points:
    return 0.5 * (_down(p, 33, 133) + _down(p, 263, 362)) / _eye_width(p)


def _brow_height(p: Points) -> Points:
    eyes = 0.25 * (p[..., 33, 1] + p[..., 133, 1] + p[..., 263, 1] + p[..., 362, 1])
    brows = p[..., [105, 66, 107, 334, 296, 336], 1].mean(axis=-1)
    return brows - eyes


def _cheek_fullness(p: Points) -> Points:
    """How far the middle of a cheek stands out of the line from under the eye to the jaw."""
    found = []
    for cheek, high, low, side in ((205, 118, 150, -1.0), (425, 347, 379, 1.0)):
        out = p[..., cheek, :] - 0.5 * (p[..., high, :] + p[..., low, :])
        found.append(0.6 * side * out[..., 0] + 0.8 * out[..., 2])
    return 0.5 * (found[0] + found[1])


def _fullness(p: Points, pairs: tuple[tuple[int, int], ...]) -> Points:
    """Mean height of a lip, from pairs of landmarks on its upper and its lower edge."""
    return np.mean([_down(p, a, b) for a, b in pairs], axis=0)


def _chin_forward(p: Points) -> Points:
    """How far the chin is before the upright through the root of the nose."""
    return p[..., 199, 2] - p[..., NASION, 2]


def _nose_bridge(p: Points) -> Points:
    """How far the bridge is before the inner corners of the eyes."""
    return p[..., 6, 2] - 0.5 * (p[..., 133, 2] + p[..., 362, 2])


FROM_LANDMARKS: dict[str, Callable[[Points], Points]] = {
    "face_width": lambda p: 0.5 * (_apart(p, 127, 356) + _apart(p, 234, 454)),
    "face_length": _length,
    "jaw_width": lambda p: 0.5 * (_apart(p, 58, 288) + _apart(p, 172, 397)),
    "chin_length": lambda p: _down(p, LOW_LIP, CHIN) / _length(p),
    "chin_forward": _chin_forward,
    "cheek_fullness": _cheek_fullness,
    "forehead_height": lambda p: _down(p, HAIRLINE, BROW_MIDDLE),
    "nose_width": lambda p: _apart(p, 129, 358),
    "nose_length": lambda p: _down(p, NASION, NOSE_TIP) / _length(p),
    "nose_bridge": _nose_bridge,
    "eye_size": _eye_size,
    "eye_distance": lambda p: (
        0.5 * np.abs(p[..., 33, 0] + p[..., 133, 0] - p[..., 362, 0] - p[..., 263, 0])
    ),
    "eye_tilt": _eye_tilt,
    "brow_height": _brow_height,
    "mouth_width": lambda p: _apart(p, 61, 291),
    "lip_fullness_upper": lambda p: _fullness(p, UPPER_LIP),
    "lip_fullness_lower": lambda p: _fullness(p, LOWER_LIP),
}
DEPTHS = ("chin_forward", "cheek_fullness", "nose_bridge")  # hardly seen from the front
GUESSED = ("forehead_height",)  # a tracker puts the hairline where its idea of a face has it


def measured(points: Points) -> dict[str, Points]:
    """Measure what landmarks tell.

    Parameters
    ----------
    points : ndarray, shape (..., L, 3)
        At least the 468 skin landmarks, along the contract's axes (y up, z to the viewer), the
        head upright and frontal.

    Returns
    -------
    dict of str to ndarray, shape (...)
    """
    return {name: measure(points) for name, measure in FROM_LANDMARKS.items()}


def measured_head(model: FaceModel, vertices: Points) -> dict[str, float]:
    """Measure all of a head (V, 3)."""
    found = {name: float(value) for name, value in measured(landmarks(model, vertices)).items()}
    part = np.array(PART_NAMES)[model.vertex_part]
    x, y = model.vertices[:, 0], model.vertices[:, 1]
    ears = (part == "head") & (np.abs(x) > EAR_FROM)
    height = [np.ptp(vertices[ears & (side * x > 0), 1]) for side in (-1.0, 1.0)]
    reach = [np.abs(vertices[ears & (side * x > 0), 0]).max() for side in (-1.0, 1.0)]
    found["ear_size"] = float(np.mean(height) + 0.5 * (np.mean(reach) - found["face_width"] / 2))
    neck = (part == "neck") & (y > NECK_LEVEL[0]) & (y < NECK_LEVEL[1]) & (np.abs(x) > 0.45)
    found["neck_width"] = float(2.0 * np.abs(vertices[neck, 0]).mean())
    return found
