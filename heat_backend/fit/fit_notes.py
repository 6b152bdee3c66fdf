# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user should know about a fitted face before judging its frames."""

from __future__ import annotations

import numpy as np

from bridge.pose import rotation_angles
from heat_backend.detect.landmarks import MIN_FACE_PX, FaceLandmarks
from heat_backend.fit.posed_model import PosedModel

NEARLY_PROFILE = 40.0  # degrees


def fit_notes(posed: PosedModel, face: FaceLandmarks) -> tuple[str, ...]:
    """Tell what the user should know before judging the frames."""
    told = []
    yaw = abs(float(np.degrees(rotation_angles(posed.rotation)[1])))
    if yaw >= NEARLY_PROFILE:
        told.append(f"the face is turned away by {yaw:.0f} degrees: its far side is a guess")
    if face.size < MIN_FACE_PX:
        told.append(
            f"in frames of this size the face is only {face.size:.0f} pixels high: "
            "choose a larger size, or crop the photo"
        )
    return tuple(told)
