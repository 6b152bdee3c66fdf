# SPDX-License-Identifier: GPL-3.0-or-later
"""Vertices posed by coefficients: blend shapes, head pose within limits, turn of the eyeballs.

Axes are the picture's: x to image right, y up, z to the viewer; unit: outer-eye distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_NAMES
from bridge.face_model import gaze_angles
from bridge.pose import rotation_angles, rotation_matrix

# Turns from the viewer at which the pose is held: farther, a frontal photo shows too little of the
# side that comes into view. A photo taken from one side may turn on to that side by a share more.
# All three set by eye on the test portraits.
FARTHEST_YAW = np.radians(42.0)
FARTHEST_PITCH = np.radians(35.0)
FARTHER_THAN_PHOTO = np.radians(24.0)
SIDEWAYS_GAZE = 1.25  # gain: frames tracked read as turned by 0.8 of what their irises are
NECK_REACH = 0.3  # outer-eye distances (3 cm): shifts beyond take the shoulders along
MOST_TURN = np.radians(85.0)  # past a right angle Euler angles describe another turn


@dataclass(frozen=True)
class HeadPose:
    """Turn and shift of the head against the photo.

    Attributes
    ----------
    rotation : ndarray, shape (3, 3), float32
        About axes fixed to the picture (contract), through the head's pivot.
    translation : ndarray, shape (3,), float32
        Outer-eye distances.
    limited : bool
        The wanted turn was beyond the limits and was reduced.
    """

    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]
    limited: bool


def head_pose(
    rotation: NDArray[np.floating],
    translation: NDArray[np.floating],
    photo_rotation: NDArray[np.floating],
) -> HeadPose:
    """Pose of one frame, limited where the face would turn too far from the viewer.

    Parameters
    ----------
    rotation : ndarray, shape (3,)
        Pitch, yaw, roll against the photo, radians.
    translation : ndarray, shape (3,)
        Outer-eye distances.
    photo_rotation : ndarray, shape (3, 3)
        Head axes in the photo: the limits count from the viewer, not from the photo.
    """
    wanted = np.clip(np.asarray(rotation, np.float64), -MOST_TURN, MOST_TURN)
    own = rotation_angles(photo_rotation)[:2]
    least = np.minimum((-FARTHEST_PITCH, -FARTHEST_YAW), own - FARTHER_THAN_PHOTO * (own < 0.0))
    most = np.maximum((FARTHEST_PITCH, FARTHEST_YAW), own + FARTHER_THAN_PHOTO * (own > 0.0))

    def within(share: float) -> bool:
        angles = rotation_angles(rotation_matrix(wanted * share) @ photo_rotation)[:2]
        return bool((angles >= least - 1e-9).all() and (angles <= most + 1e-9).all())

    share, limited = 1.0, not within(1.0)
    if limited:
        share = _largest(within)
    turn = rotation_matrix(wanted * share)
    shift = np.asarray(translation, np.float32)
    return HeadPose(np.asarray(turn, np.float32), shift, limited)


def _largest(holds: Callable[[float], bool]) -> float:
    """Largest share in 0..1 for which ``holds``, by bisection; it holds for 0."""
    low, high = 0.0, 1.0
    for _ in range(16):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def apply_blendshapes(
    rest: NDArray[np.float32], deltas: NDArray[np.float32], expression: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Add expressions.

    Parameters
    ----------
    rest : ndarray, shape (N, 3)
    deltas : ndarray, shape (53, N, 3)
    expression : ndarray, shape (53,)
        The 52 expressions, and how far the photo's own one is relaxed.
    """
    active = np.flatnonzero(expression)
    if len(active) == 0:
        return rest
    flat = deltas.reshape(len(deltas), -1)
    moved: NDArray[np.float32] = expression[active] @ flat[active]
    return rest + moved.reshape(rest.shape)


def apply_head_pose(
    points: NDArray[np.float32],
    pose: HeadPose,
    follow: NDArray[np.float32] | None = None,
    carried: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Apply the head's pose.

    Parameters
    ----------
    points : ndarray, shape (N, 3)
    pose : HeadPose
    follow : ndarray, shape (N,), optional
        Share of the pose that each point takes.
    carried : ndarray, shape (N,), optional
        Share that it takes of the part of a shift that exceeds the neck's reach.
    """
    moved = points @ (pose.rotation.T - np.eye(3, dtype=np.float32)) + pose.translation
    if follow is not None:
        moved *= follow[:, None]
        if carried is not None and pose.translation.any():
            moved += (carried - follow)[:, None] * _beyond_neck(pose.translation)
    return points + moved


def _beyond_neck(shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """Part of a head's shift (3,) that the body follows: nearly nothing of a small one."""
    size = float(np.linalg.norm(shift)) / NECK_REACH
    return np.asarray(shift * (1.0 - np.tanh(size) / size), np.float32)


def eyeball_rotations(
    expression: NDArray[np.float32], sideways: float = SIDEWAYS_GAZE
) -> dict[str, NDArray[np.float32]]:
    """Turn (3, 3) of each eyeball in the head, by the subject's side.

    Parameters
    ----------
    expression : ndarray, shape (52,) or longer
        As the mesh gets it.
    sideways : float
        Factor on the yaw.
    """
    turns = gaze_angles(expression[: len(EXPRESSION_NAMES)])
    return {
        side: rotation_matrix((pitch, sideways * yaw, 0.0)).astype(np.float32)
        for side, (pitch, yaw) in zip(("left", "right"), turns, strict=True)
    }
