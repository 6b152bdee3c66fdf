# SPDX-License-Identifier: GPL-3.0-or-later
"""A head pose in the contract's axes as the head bone's own channels. No bpy here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import bridge

Array = NDArray[np.float64]


def bone_turns(rotation: Array, rest: ArrayLike, axes: Array) -> Array:
    """Return the bone's own rotations, relative to its rest, for turns of the head.

    What neck and spine do is added to it, as in any rig: the head turns on the body.

    Parameters
    ----------
    rotation : (N, 3) array
        (pitch, yaw, roll), radians, in the contract's axes.
    rest : (4, 4) array
        The bone's rest matrix in armature space.
    axes : (3, 3) array
        From ``facing.axes_of``.

    Returns
    -------
    (N, 3, 3) array
        In the bone's own axes.
    """
    base = _orientation(rest)
    turn = axes.T @ bridge.pose.rotation_matrix(rotation) @ axes
    return np.asarray(base.T @ turn @ base)


def bone_shifts(translation: Array, rest: ArrayLike, axes: Array, eye_distance: float) -> Array:
    """Return the bone's own locations, (N, 3), for shifts of the head.

    Parameters
    ----------
    translation : (N, 3) array
        In outer-eye-corner distances, in the contract's axes.
    rest, axes
        As for `bone_turns`.
    eye_distance : float
        Outer-eye-corner distance in armature-space units.
    """
    return np.asarray(translation @ axes @ _orientation(rest) * eye_distance)


def quaternions(turns: Array) -> Array:
    """Return (N, 4) unit quaternions (w, x, y, z) of (N, 3, 3) rotations.

    Each lies on the same side as the one before, the first on that of no turn, so that curves
    through them are smooth.
    """
    m = turns
    # Bar-Itzhack's symmetric matrix: its main eigenvector is the quaternion, at any angle.
    k = np.empty((len(m), 4, 4))
    k[:, 0, 0] = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    for i, (a, b) in enumerate(((2, 1), (0, 2), (1, 0))):
        k[:, 0, i + 1] = k[:, i + 1, 0] = m[:, a, b] - m[:, b, a]
        for j in range(3):
            k[:, i + 1, j + 1] = m[:, i, j] + m[:, j, i]
        k[:, i + 1, i + 1] = 2.0 * m[:, i, i] - k[:, 0, 0]
    found = np.linalg.eigh(k)[1][..., -1]
    before = np.array([1.0, 0.0, 0.0, 0.0])
    for one in found:
        if one @ before < 0.0:
            one *= -1.0
        before = one
    return np.asarray(found)


def _orientation(rest: ArrayLike) -> Array:
    """Return the rest matrix's axes, without scale."""
    matrix = np.asarray(rest, float)[:3, :3]
    return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-12))


def axis_angles(quaternion: Array) -> Array:
    """Return (N, 4) angle and axis of unit quaternions, all about axes on one side.

    While there is no turn, the axis is that of the nearest frame before that turns, else of the
    first that does.
    """
    sine = np.linalg.norm(quaternion[:, 1:], axis=1)
    turning = np.flatnonzero(sine > 1e-9)
    if not len(turning):
        return np.tile(np.array([0.0, 0.0, 1.0, 0.0]), (len(quaternion), 1))
    last = np.maximum.accumulate(np.where(sine > 1e-9, np.arange(len(sine)), turning[0]))
    axis = quaternion[last, 1:] / sine[last, None]
    angle = 2.0 * np.arctan2(sine, quaternion[:, 0])
    # A turn that swings through rest changes its sign, not its axis.
    side = np.where(axis @ axis[turning[np.argmax(sine[turning])]] < 0.0, -1.0, 1.0)
    return np.concatenate([(angle * side)[:, None], axis * side[:, None]], axis=1)


def euler_angles(turns: Array, order: str) -> Array:
    """Return (N, 3) Euler angles (x, y, z), radians, of rotations, without jumps.

    Parameters
    ----------
    turns : (N, 3, 3) array
    order : str
        Such as "XYZ": the axis that turns first stands first, as Blender names it.
    """
    i, j, k = ("XYZ".index(letter) for letter in order)
    parity = 1.0 if (i, j, k) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1.0
    # R = Rk Rj Ri on column vectors.
    level = np.hypot(turns[:, i, i], turns[:, j, i])
    angles = np.empty((len(turns), 3))
    angles[:, j] = np.arctan2(-parity * turns[:, k, i], level)
    angles[:, i] = np.arctan2(parity * turns[:, k, j], turns[:, k, k])
    angles[:, k] = np.arctan2(parity * turns[:, j, i], turns[:, i, i])
    return bridge.pose.unwrap(angles)
