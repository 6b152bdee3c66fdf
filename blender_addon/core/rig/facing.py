# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a character looks in its armature's own space, and the head pose that follows.

Blender's habit is a character that faces -Y with +Z up, but armatures imported from FBX or glTF
are often +Y up and face +Z, with the difference hidden in the object's rotation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import bridge
from .name_words import side_of, words_of
from .rig_map import HeadPose

AUTO = "AUTO"
# Name -> (direction the face looks, direction of the crown), in the armature's own axes.
FACINGS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "NEG_Y": ((0, -1, 0), (0, 0, 1)),
    "POS_Y": ((0, 1, 0), (0, 0, 1)),
    "NEG_X": ((-1, 0, 0), (0, 0, 1)),
    "POS_X": ((1, 0, 0), (0, 0, 1)),
    "POS_Z_Y_UP": ((0, 0, 1), (0, 1, 0)),
    "NEG_Z_Y_UP": ((0, 0, -1), (0, 1, 0)),
}
FACING_LABELS: dict[str, str] = {
    AUTO: "Automatic",
    "NEG_Y": "-Y (Blender)",
    "POS_Y": "+Y",
    "NEG_X": "-X",
    "POS_X": "+X",
    "POS_Z_Y_UP": "+Z, Y is up (FBX, glTF)",
    "NEG_Z_Y_UP": "-Z, Y is up",
}
# Rounding of Blender's float32 matrices, in radians and eye distances.
_NOISE = 2e-6


def axes_of(facing: str) -> NDArray[np.float64]:
    """Return the matrix that turns armature-space vectors into the contract's axes.

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
    """Tell from the rest positions of paired bones which way a character faces.

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
        A key of `FACINGS`. "NEG_Y", Blender's habit, unless left and right bones and bones well
        below the head say otherwise.
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


def _left_direction(
    names: Sequence[str], points: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the unit vector from right to left bones, or None without pairs."""
    pairs: dict[tuple[str, ...], dict[str, NDArray[np.float64]]] = {}
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


def head_pose(
    posed: ArrayLike, rest: ArrayLike, axes: NDArray[np.float64], eye_distance: float
) -> HeadPose:
    """Return the motion of the head bone relative to its rest pose.

    Both matrices are in armature space, so parents' motion (neck, spine) is included, and the
    armature object's own transform and the roll and direction of the bone drop out.

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
    turn = _unit_columns(now[:3, :3]) @ _unit_columns(base[:3, :3]).T
    angles = bridge.pose.rotation_angles(axes @ turn @ axes.T)
    shift = axes @ (now[:3, 3] - base[:3, 3]) / eye_distance
    # A bone at rest must read as exactly 0, so that the photo comes back untouched.
    values = np.concatenate([angles, shift])
    values[np.abs(values) < _NOISE] = 0.0
    pitch, yaw, roll, x, y, z = values.tolist()
    return HeadPose((pitch, yaw, roll), (x, y, z))


def _unit_columns(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the bone's own scale, which stretches the columns of its matrix."""
    return matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
