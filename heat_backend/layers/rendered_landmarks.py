# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of a rendered frame, computed from the posed model, without tracker noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FaceModel, landmarks
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.head_pose import HeadPose, apply_blendshapes, apply_head_pose
from heat_backend.geometry.landmark_contours import IRIS_CENTER
from heat_backend.layers.eyeballs import EyeLayer

COUNT, SKIN_COUNT = 478, 468


@dataclass(frozen=True)
class LandmarkRig:
    """FaceMesh's skin landmarks on the posed model.

    Attributes
    ----------
    rest : ndarray, shape (468, 3), float32
        About the head's pivot in the picture's axes, model units.
    deltas : ndarray, shape (53, 468, 3), float32
        What each expression adds.
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]


def landmark_rig(model: FaceModel, posed: PosedModel) -> LandmarkRig:
    """Read the landmarks' rig off the posed model's triangles."""
    deltas = np.stack([landmarks(model, field) for field in posed.deltas])
    return LandmarkRig(
        np.asarray(landmarks(model, posed.rest), np.float32), np.asarray(deltas, np.float32)
    )


def rendered_landmarks(
    rig: LandmarkRig,
    eyes: dict[str, EyeLayer],
    camera: Camera,
    pose: HeadPose,
    expression: NDArray[np.float32],
    gaze: dict[str, NDArray[np.float32]],
) -> NDArray[np.float64]:
    """Landmarks of one frame.

    Parameters
    ----------
    rig : LandmarkRig
    eyes : dict of str to EyeLayer
    camera : Camera
    pose : HeadPose
    expression : ndarray, shape (53,)
        As the mesh gets it.
    gaze : dict of str to ndarray, shape (3, 3)
        Turn of each eyeball in the head.

    Returns
    -------
    ndarray, shape (478, 3), float64
        As a detector gives them; of the irises only the centres, the rings are NaN.
    """
    out = np.full((COUNT, 3), np.nan)
    skin = apply_head_pose(apply_blendshapes(rig.rest, rig.deltas, expression), pose)
    out[:SKIN_COUNT, :2] = camera.project(skin)
    out[:SKIN_COUNT, 2] = -camera.scale * skin[:, 2]
    for side, eye in eyes.items():
        x, y = (eye.iris_px - eye.center_px) * (1.0, -1.0) / eye.radius_px
        d = x * x + y * y
        # The ball's front as the eye compositor has it.
        front = np.array([x, y, max(0.05, 1.0 - 0.5 * d - 0.125 * d * d)])
        turned = pose.rotation @ gaze[side] @ front
        center = apply_head_pose(eye.center[None], pose)[0]
        grown = (camera.distance - float(eye.center[2])) / (camera.distance - float(center[2]))
        reach = eye.radius_px * eye.enlarged * grown * turned
        out[IRIS_CENTER[side], :2] = camera.project(center) + reach[:2] * (1.0, -1.0)
        out[IRIS_CENTER[side], 2] = -camera.scale * center[2] - reach[2]
    return out
