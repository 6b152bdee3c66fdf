# SPDX-License-Identifier: GPL-3.0-or-later
"""Conventions of the head pose, independent of any rig.

Contract axes, fixed to the image and right-handed: x to image right (the subject's left), y up,
z toward the viewer. ``rotation`` is (pitch, yaw, roll) in radians and
R = Rz(roll) · Ry(yaw) · Rx(pitch): +pitch looks down, +yaw turns the nose to image right, +roll
tips the crown to image left. A Blender character that faces -Y has x = +X, y = +Z, z = -Y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BLENDER_TO_CONTRACT: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(3, 3) rotation: contract vector = BLENDER_TO_CONTRACT @ Blender vector."""
BLENDER_TO_CONTRACT.flags.writeable = False


def rotation_matrix(rotation: ArrayLike) -> Array:
    """Turn angles into matrices.

    Parameters
    ----------
    rotation : (..., 3)
        (pitch, yaw, roll) in radians.

    Returns
    -------
    (..., 3, 3) float64
        R = Rz(roll) · Ry(yaw) · Rx(pitch); acts on column vectors.
    """
    angles = np.asarray(rotation, np.float64)
    cp, cy, cr = np.moveaxis(np.cos(angles), -1, 0)
    sp, sy, sr = np.moveaxis(np.sin(angles), -1, 0)
    rows = [
        [cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp],
        [sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp],
        [-sy, cy * sp, cy * cp],
    ]
    matrix = np.empty((*angles.shape, 3))
    for i, row in enumerate(rows):
        for j, entry in enumerate(row):
            matrix[..., i, j] = entry
    return matrix


def rotation_angles(matrix: ArrayLike) -> Array:
    """Turn matrices into angles; the inverse of ``rotation_matrix``.

    Parameters
    ----------
    matrix : (..., 3, 3)
        Rotations; a uniform scale is divided out.

    Returns
    -------
    (..., 3) float64
        (pitch, yaw, roll) in radians, yaw in -pi/2..pi/2, the others in -pi..pi. With the nose
        straight to the side (gimbal lock) roll is 0 and pitch takes the whole turn.
    """
    m = np.asarray(matrix, np.float64)
    scale = np.cbrt(np.abs(np.linalg.det(m)))
    m = m / np.where(scale > 0.0, scale, 1.0)[..., None, None]
    level = np.hypot(m[..., 0, 0], m[..., 1, 0])
    yaw = np.arctan2(-m[..., 2, 0], level)
    locked = level < 1e-9
    roll = np.where(locked, 0.0, np.arctan2(m[..., 1, 0], m[..., 0, 0]))
    pitch = np.where(
        locked,
        np.arctan2(-m[..., 1, 2], m[..., 1, 1]),
        np.arctan2(m[..., 2, 1], m[..., 2, 2]),
    )
    return np.stack([pitch, yaw, roll], axis=-1)


def contract_to_blender(vectors: ArrayLike) -> Array:
    """Turn (..., 3) vectors in the contract's axes into Blender's axes."""
    return np.asarray(vectors, np.float64) @ BLENDER_TO_CONTRACT


def unwrap(angles: ArrayLike) -> Array:
    """Remove jumps of a whole turn along time.

    Parameters
    ----------
    angles : (T, ...)
        Radians; time runs along the first axis.

    Returns
    -------
    (T, ...) float64
        Neighbours differ by at most pi.
    """
    return np.unwrap(np.asarray(angles, np.float64), axis=0)
