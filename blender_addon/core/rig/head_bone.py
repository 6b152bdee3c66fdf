# SPDX-License-Identifier: GPL-3.0-or-later
"""The head bone: its name, the way it faces, and head poses from and to its channels.

Head poses are in the contract's axes: x to the subject's left (image right), y up, z toward the
viewer. Blender characters usually face -Y with +Z up, but armatures imported from FBX or glTF are
often +Y up and face +Z, with the difference in the object's rotation. No bpy here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import bridge
from .name_words import side_of, words_of
from .rig_map import HeadPose

FILE = Path(__file__).parent / "bone_names" / "head.json"


Array = NDArray[np.float64]

AUTO = "AUTO"
# Name -> (forward direction of the face, up direction), in the armature's own axes.
FACINGS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "NEG_Y": ((0, -1, 0), (0, 0, 1)),
    "POS_Y": ((0, 1, 0), (0, 0, 1)),
    "NEG_X": ((-1, 0, 0), (0, 0, 1)),
    "POS_X": ((1, 0, 0), (0, 0, 1)),
    "POS_Z_Y_UP": ((0, 0, 1), (0, 1, 0)),
    "NEG_Z_Y_UP": ((0, 0, -1), (0, 1, 0)),
}
# Rounding of Blender's float32 matrices, in radians and eye distances: a few float32 steps at 1.
_ROUNDING = 2e-6


@functools.cache
def _data() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text("utf-8")))


@functools.cache
def known_heads() -> tuple[tuple[str, str], ...]:
    """Return (rig, head bone name) pairs, preferred first."""
    return tuple((entry["rig"], bone) for entry in _data()["rigs"] for bone in entry["head"])


def find_head_bone(names: Sequence[str]) -> str:
    """Return the name of the head bone, or "" when no name looks like one.

    Parameters
    ----------
    names : sequence of str
        Bone names of one armature, in the armature's order.
    """
    by_words = {words_of(name): name for name in reversed(names)}
    for _, bone in known_heads():
        if bone in names:
            return bone
        if words_of(bone) in by_words:
            return by_words[words_of(bone)]
    candidates = [name for name in names if _head_words(words_of(name))]
    return min(candidates, key=lambda name: len(words_of(name)), default="")


def _head_words(words: tuple[str, ...]) -> bool:
    data = _data()
    return any(w in data["words"] for w in words) and not set(data["other_words"]) & set(words)


def axes_of(facing: str) -> Array:
    """Return the rotation from armature space to the contract's axes.

    Parameters
    ----------
    facing : str
        A key of `FACINGS`; anything else counts as "NEG_Y".

    Returns
    -------
    (3, 3) array
        Rows are the contract's x (subject's left, image right), y (up) and z (toward the viewer).
    """
    forward, up = FACINGS.get(facing, FACINGS["NEG_Y"])
    z, y = np.array(forward, float), np.array(up, float)
    return np.stack([np.cross(y, z), y, z])


def guess_facing(names: Sequence[str], heads: ArrayLike, head_bone: str) -> str:
    """Guess from the rest positions of paired bones which way a character faces.

    Parameters
    ----------
    names : sequence of N str
        Bone names; pairs are recognised by a word such as Left, L, .r or _right.
    heads : (N, 3) array
        Rest positions of the bones' heads in armature space.
    head_bone : str
        Name of the head bone.

    Returns
    -------
    str
        A key of `FACINGS`; "NEG_Y", Blender's convention, where there are no left and right
        bones, or none well below the head.
    """
    points = np.asarray(heads, float).reshape(-1, 3)
    if head_bone not in names:
        return "NEG_Y"
    left = _left_direction(names, points)
    rise = points[list(names).index(head_bone)] - points.mean(axis=0)
    size = np.ptp(points, axis=0).max()
    if left is None or np.linalg.norm(rise) < 0.1 * size:
        return "NEG_Y"
    best, best_score = "NEG_Y", 0.0
    for name in FACINGS:
        x, y, _ = axes_of(name)
        score = float(x @ left) * float(y @ rise) if x @ left > 0 and y @ rise > 0 else 0.0
        if score > best_score * 1.001:
            best, best_score = name, score
    return best


def _left_direction(names: Sequence[str], points: Array) -> Array | None:
    """Return the unit vector from right to left bones, or None without pairs."""
    pairs: dict[tuple[str, ...], dict[str, Array]] = {}
    for name, point in zip(names, points, strict=True):
        words = words_of(name)
        sides = [side_of(word) for word in words if side_of(word)]
        if len(sides) == 1:
            stem = tuple("" if side_of(word) else word for word in words)
            pairs.setdefault(stem, {})[sides[0]] = point
    gaps = [p["L"] - p["R"] for p in pairs.values() if len(p) == 2]
    if not gaps:
        return None
    total = np.sum(gaps, axis=0)
    length = float(np.linalg.norm(total))
    return total / length if length > 1e-6 * max(float(np.ptp(points)), 1e-9) else None


def head_pose(posed: ArrayLike, rest: ArrayLike, axes: Array, eye_distance: float) -> HeadPose:
    """Return the motion of the head bone relative to its rest pose.

    Both matrices are in armature space: the motion of parents (neck, spine) is included; the
    armature object's transform and the bone's roll and direction have no effect.

    Parameters
    ----------
    posed, rest : (4, 4) arrays
        Bone to armature space, now and at rest. `posed` may carry scale.
    axes : (3, 3) array
        From `axes_of`.
    eye_distance : float
        Outer-eye-corner distance in armature-space units, above 0.

    Returns
    -------
    HeadPose
        Rotation in radians and translation in eye distances, in the contract's axes.
    """
    now, base = np.asarray(posed, float), np.asarray(rest, float)
    turn = _orientation(now) @ _orientation(base).T
    angles = bridge.pose.rotation_angles(axes @ turn @ axes.T)
    shift = axes @ (now[:3, 3] - base[:3, 3]) / eye_distance
    # A bone at rest gives exactly 0, so that the photo is rendered unchanged.
    values = np.concatenate([angles, shift])
    values[np.abs(values) < _ROUNDING] = 0.0
    pitch, yaw, roll, x, y, z = values.tolist()
    return HeadPose((pitch, yaw, roll), (x, y, z))


def _orientation(matrix: ArrayLike) -> Array:
    """Return the (3, 3) rotation of a matrix, without the scale that stretches its columns."""
    axes = np.asarray(matrix, float)[:3, :3]
    return np.asarray(axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12))


def bone_turns(rotation: Array, rest: ArrayLike, axes: Array) -> Array:
    """Return the bone's own rotations, relative to its rest, for turns of the head.

    Rotations of neck and spine add to them.

    Parameters
    ----------
    rotation : (N, 3) array
        (pitch, yaw, roll), radians, in the contract's axes.
    rest : (4, 4) array
        The bone's rest matrix in armature space.
    axes : (3, 3) array
        From `axes_of`.

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

    Of the two signs each takes the one nearer to the previous frame's, the first the one nearer
    to the identity, so that f-curves through them are smooth.
    """
    m = turns
    # The eigenvector of the largest eigenvalue of this matrix is the quaternion (Bar-Itzhack
    # 2000), at any angle.
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


def axis_angles(quaternion: Array) -> Array:
    """Return (N, 4) angle, radians, and axis of unit quaternions, all axes in one half space.

    A frame without rotation takes the axis of the nearest earlier frame that has one, else of the
    first that has.
    """
    sine = np.linalg.norm(quaternion[:, 1:], axis=1)
    turning = np.flatnonzero(sine > 1e-9)
    if not len(turning):
        return np.tile(np.array([0.0, 0.0, 1.0, 0.0]), (len(quaternion), 1))
    last = np.maximum.accumulate(np.where(sine > 1e-9, np.arange(len(sine)), turning[0]))
    axis = quaternion[last, 1:] / sine[last, None]
    angle = 2.0 * np.arctan2(sine, quaternion[:, 0])
    # A rotation that passes through rest changes the sign of its angle, not its axis.
    side = np.where(axis @ axis[turning[np.argmax(sine[turning])]] < 0.0, -1.0, 1.0)
    return np.concatenate([(angle * side)[:, None], axis * side[:, None]], axis=1)


def euler_angles(turns: Array, order: str) -> Array:
    """Return (N, 3) Euler angles (x, y, z), radians, of rotations, without jumps.

    Parameters
    ----------
    turns : (N, 3, 3) array
    order : str
        Blender's rotation mode, such as "XYZ": the axis that is applied first comes first.
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
